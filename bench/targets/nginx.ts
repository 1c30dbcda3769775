import { freePort, Running } from "../processes.ts";
import { type Surroundings, writeIn } from "../surroundings.ts";
import type { Target } from "./target.ts";

/** nginx as one process with grpc_pass: it checks no token, but sets the same headers. */
export async function startNginx(around: Surroundings, tls: boolean): Promise<Target> {
  const { peers, folder, cores } = around;
  const port = await freePort();
  const file = writeIn(folder, `nginx-${port}.conf`, config(around, port, tls));
  const args = ["-p", folder, "-c", file, "-e", `${folder}/nginx-${port}.log`];
  const running = new Running("nginx", peers.nginx, args, { core: cores.target });
  try {
    await running.listensOn(port);
  } catch (cause) {
    await running[Symbol.asyncDispose]();
    throw cause;
  }
  return {
    name: "nginx",
    tls,
    port,
    process: running,
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

function config(
  { folder, backendPort, backendToken, certFile, keyFile }: Surroundings,
  port: number,
  tls: boolean,
): string {
  const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return `daemon off;
master_process off;
worker_processes 1;
pid ${folder}/nginx-${port}.pid;
error_log ${folder}/nginx-${port}.log error;
events { worker_connections 16384; }
http {
  access_log off;
  ${temp.map((name) => `${name}_temp_path ${folder}/${name}-${port};`).join("\n  ")}
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;
  http2_max_concurrent_streams 1000;
  large_client_header_buffers 4 32k;
  upstream service {
    server 127.0.0.1:${backendPort};
    keepalive 1024;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} ${tls ? "ssl " : ""}http2;
    ${tls ? `ssl_certificate ${certFile};\n    ssl_certificate_key ${keyFile};` : ""}
    location /echo.EchoServer/ {
      grpc_pass grpc://service;
      grpc_read_timeout 300s;
      grpc_send_timeout 300s;
      client_max_body_size 0;
      grpc_set_header x-forwarded-authorization $http_authorization;
      grpc_set_header authorization "Bearer ${backendToken}";
      grpc_set_header x-apigateway-api-userinfo "eyJpc3MiOiJodHRwczovL2FjY291bnRzLmdvb2dsZS5jb20ifQ";
    }
  }
}
`;
}
