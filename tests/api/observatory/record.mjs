// Runs the test cases of @mdn/mdn-http-observatory's own suite and prints, as JSON, each answer of a server that they judge,
// with the library's verdict. Argument: the folder of the package. Nothing is asserted here: the suite's chai is a stub.
import { register } from "node:module";
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const root = path.resolve(process.argv[2]);
const analyzers = {
  "x-frame-options": "xFrameOptionsTest",
  "x-content-type-options": "xContentTypeOptionsTest",
  "referrer-policy": "referrerPolicyTest",
  "content-security-policy": "contentSecurityPolicyTest",
  "cross-origin-resource-policy": "crossOriginResourcePolicyTest",
  "strict-transport-security": "strictTransportSecurityTest",
  "subresource-integrity": "subresourceIntegrityTest",
  "cookies": "cookiesTest",
  "cross-origin-resource-sharing": "crossOriginResourceSharingTest",
  "redirection": "redirectionTest",
};
const files = { "content-security-policy": "csp", "cross-origin-resource-sharing": "cors" };

// What the package fetches from elsewhere when it is installed, and what it wants to be configured.
const preload = path.join(root, "conf", "hsts-preload.json");
if (!fs.existsSync(preload)) {
  fs.writeFileSync(preload, "{}");
}
process.env.CONFIG_FILE = path.join(root, "conf", "config-test.json");
process.chdir(root);

// Tests import an analyzer through a module that writes down what goes in and comes out.
const hooks = `
const root = ${JSON.stringify(pathToFileURL(root).href)};
export async function resolve(specifier, context, next) {
  if (specifier === "chai") {
    return { url: "data:text/javascript,const f=()=>{};export const assert=new Proxy(f,{get:()=>f});", shortCircuit: true };
  }
  const found = await next(specifier, context);
  if (context.parentURL && context.parentURL.startsWith(root + "/test/") && found.url.startsWith(root + "/src/analyzer/tests/")) {
    return { ...found, url: found.url + "?recorded" };
  }
  return found;
}
export async function load(url, context, next) {
  if (!url.endsWith("?recorded")) {
    return next(url, context);
  }
  const real = url.slice(0, -"?recorded".length);
  const source = "import * as real from " + JSON.stringify(real) + ";\\nexport * from " + JSON.stringify(real) + ";\\n" +
    ${JSON.stringify(Object.values(analyzers))}.filter((name) => globalThis.__exports(real).includes(name)).map((name) =>
      "export const " + name + " = (requests, ...more) => globalThis.__record(" + JSON.stringify(name) + ", requests, real." + name + "(requests, ...more));").join("\\n");
  return { format: "module", source, shortCircuit: true };
}
import fs from "node:fs";
globalThis.__exports = (url) => [...fs.readFileSync(new URL(url), "utf8").matchAll(/export function (\\w+)/g)].map((m) => m[1]);
`;
register("data:text/javascript," + encodeURIComponent(hooks));

const cases = [];
let test = "";

function plain(headers) {
  return Object.entries(headers ?? {}).filter(([, value]) => value !== undefined && value !== null && typeof value !== "function")
    .flatMap(([name, value]) => [value].flat().map((one) => [name, String(one)]));
}

globalThis.__record = (name, requests, output) => {
  const { auto, https, cors, http, httpRedirects } = requests.responses;
  cases.push({
    analyzer: Object.keys(analyzers).find((key) => analyzers[key] === name), test, result: output.result, pass: output.pass,
    headers: plain(auto?.headers), https: https ? plain(https.headers) : null, verified: https?.verified ?? null,
    cookies: (requests.session?.jar?.getCookiesSync("https://mozilla.org", { http: true, expire: false }) ?? []).map((c) => String(c) + (c.sameSite === "none" ? "; SameSite=None" : "")),
    cors: plain(cors?.headers), origin: cors?.request?.headers?.origin ?? null,
    route: http ? httpRedirects.map((hop) => hop.url.href) : null,
    page: requests.resources.path ?? "", equiv: [...(auto?.httpEquiv ?? new Map()).keys()],
  });
  return output;
};

let before = [];
const its = [];
globalThis.describe = (name, body) => {
  const outer = before;
  before = [...before];
  body.call({ timeout() {} });
  before = outer;
};
globalThis.beforeEach = (body) => before.push(body);
globalThis.afterEach = globalThis.before = globalThis.after = () => {};
globalThis.it = (name, body) => {
  const mine = before;
  its.push(async () => {
    test = name;
    for (const prepare of mine) {
      await prepare.call({});
    }
    await body?.call({ skip() {}, timeout() {} });
  });
};
globalThis.it.skip = () => {};
globalThis.describe.skip = () => {};

for (const name of Object.keys(analyzers)) {
  await import(pathToFileURL(path.join(root, "test", `${files[name] ?? name}.test.js`)).href);
}
for (const run of its) {
  try {
    await run();
  } catch (error) {
    console.error(`${test}: ${error.message}`);
  }
}

// Its own suite has a few cases of these two; more of ours, which its analyzers judge as well.
const { emptyRequests } = await import(pathToFileURL(path.join(root, "test", "helpers.js")).href);
const of = async (file, name) => (await import(pathToFileURL(path.join(root, "src", "analyzer", "tests", file)).href))[name];
const [cors, redirection] = [await of("cors.js", "crossOriginResourceSharingTest"), await of("redirection.js", "redirectionTest")];
const asked = "https://asked.example";
for (const allowed of [undefined, "*", "null", "https://mozilla.org", asked, asked.toUpperCase(), asked + "/", asked + ", " + asked]) {
  for (const credentials of [undefined, "true", "TRUE", "True", "false", "", "1"]) {
    const requests = emptyRequests();
    requests.responses.cors.request.headers["origin"] = asked;
    requests.responses.cors.headers["access-control-allow-origin"] = allowed;
    requests.responses.cors.headers["access-control-allow-credentials"] = credentials;
    test = `${allowed} with credentials ${credentials}`;
    globalThis.__record("crossOriginResourceSharingTest", requests, cors(requests));
  }
}
const places = ["http", "https"].flatMap((scheme) => ["mozilla.org", "www.mozilla.org", "elsewhere.org"].map((host) => `${scheme}://${host}`));
for (const first of [null, ...places]) {
  for (const second of first ? [null, ...places] : [null]) {
    const requests = emptyRequests();
    requests.responses.httpRedirects = ["http://mozilla.org", first && first + "/1", second && second + "/2"].filter(Boolean)
      .map((url) => ({ url: new URL(url), status: 301 }));
    test = "route";
    globalThis.__record("redirectionTest", requests, redirection(requests));
  }
}
process.stdout.write(JSON.stringify(cases), () => process.exit(0));
