/** The project that exists on this machine, and how its resources are named. */
export interface LocalProject {
  /** Default callpath-local. */
  readonly projectId: string;
  /** Default 123456789012. */
  readonly projectNumber: string;
  /** Default us-central1. */
  readonly region: string;
}

export const defaultProject: LocalProject = {
  projectId: "callpath-local",
  projectNumber: "123456789012",
  region: "us-central1",
};

/** Of a Cloud Run service. */
export function serviceName({ projectId, region }: LocalProject, service: string): string {
  return `projects/${projectId}/locations/${region}/services/${service}`;
}

/** APIs and their configs live in the location `global`. */
export function apiName({ projectId }: LocalProject, api: string): string {
  return `projects/${projectId}/locations/global/apis/${api}`;
}

export function apiConfigName(project: LocalProject, api: string, config: string): string {
  return `${apiName(project, api)}/configs/${config}`;
}

export function gatewayName({ projectId, region }: LocalProject, gateway: string): string {
  return `projects/${projectId}/locations/${region}/gateways/${gateway}`;
}

/** Of a service account of the project. */
export function accountEmail({ projectId }: LocalProject, account: string): string {
  return `${account}@${projectId}.iam.gserviceaccount.com`;
}

/** Whose identity a Cloud Run instance has when its template names none. */
export function defaultAccountEmail({ projectNumber }: LocalProject): string {
  return `${projectNumber}-compute@developer.gserviceaccount.com`;
}
