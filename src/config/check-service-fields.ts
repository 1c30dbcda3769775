import type { Apis } from "./apis.ts";
import type { ProblemList } from "./problem-list.ts";
import { quote } from "./read-scalar.ts";
import { resolveRules } from "./rule-set.ts";
import type { ServiceDocument } from "./service-document.ts";

/** The version of the configuration language that API Gateway takes. */
const CONFIG_VERSION = 3;

/** What stands at the top of a google.api.Service, and the rules that nothing else here reads. */
export function checkServiceFields(
  document: ServiceDocument,
  apis: Apis,
  problems: ProblemList,
): void {
  checkName(document, problems);
  checkConfigVersion(document, problems);
  warnMissing(document, problems);
  const { service, places } = document;
  resolveRules("http", service.http?.rules ?? [], apis, places, problems);
  resolveRules("system_parameters", service.systemParameters?.rules ?? [], apis, places, problems);
  resolveRules("context", service.context?.rules ?? [], apis, places, problems);
  resolveRules("quota", service.quota?.metricRules ?? [], apis, places, problems);
}

function checkName({ service, places }: ServiceDocument, problems: ProblemList): void {
  const { at, path, faulty } = places.field(service, "name");
  if (faulty) return;
  if (service.name === "") {
    const message = "the service has no name";
    const hint = "Write name: API-RANDOM.apigateway.PROJECT.cloud.goog, the API's managed service";
    problems.error(at, { code: "missing-field", message, path, hint });
  } else if (!/^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*$/i.test(service.name)) {
    const message = `${quote(service.name)} is no DNS name`;
    const hint = "Write the API's managed service, e.g. echo-abc.apigateway.PROJECT.cloud.goog";
    problems.warning(at, { code: "service-name", message, path, hint });
  } else if (!/\.apigateway\.[a-z0-9.-]+\.cloud\.goog$/i.test(service.name)) {
    const message = `API Gateway takes only its managed services' names, and ${quote(service.name)} is none`;
    const hint =
      "Write API-RANDOM.apigateway.PROJECT.cloud.goog or *.apigateway.PROJECT.cloud.goog";
    problems.warning(at, { code: "service-name", message, path, hint });
  }
}

function checkConfigVersion({ service, places }: ServiceDocument, problems: ProblemList): void {
  const { at, path, faulty } = places.field(service, "config_version");
  if (faulty || service.configVersion === CONFIG_VERSION) return;
  const hint = `Write config_version: ${CONFIG_VERSION}`;
  if (service.configVersion === undefined) {
    const message = "config_version is not specified";
    problems.error(at, { code: "missing-field", message, path, hint });
  } else if (service.configVersion > CONFIG_VERSION) {
    const message = `config_version ${service.configVersion} is invalid, the latest is ${CONFIG_VERSION}`;
    problems.error(at, { code: "wrong-value", message, path, hint });
  } else {
    const message = `config_version ${service.configVersion} is old, the latest is ${CONFIG_VERSION}`;
    problems.warning(at, { code: "old-version", message, path, hint });
  }
}

function warnMissing({ service, places }: ServiceDocument, problems: ProblemList): void {
  const title = places.field(service, "title");
  if (service.title === "" && !title.faulty) {
    const message = "the service has no title";
    const hint = "Write title: WHAT IT IS";
    problems.warning(title.at, { code: "missing-title", message, path: "title", hint });
  }
  const authentication = places.field(service, "authentication");
  const rules = service.authentication && places.field(service.authentication, "rules");
  if (service.authentication?.rules.length || authentication.faulty || rules?.faulty) return;
  const at = authentication.written ? authentication.keyAt : authentication.at;
  problems.warning(at, {
    code: "missing-authentication",
    message: "without authentication rules anybody may call every method",
    path: "authentication.rules",
    hint: 'Write authentication with providers, and rules: [{ selector: "*", requirements: [{ provider_id: ID }] }]',
  });
}
