// Verifies messages with the library of Standard Webhooks: a JSON list of {secret, headers, body} on stdin, a list of what the
// library says to each on stdout: the parsed body, or {"refused": why}.
const { Webhook } = require("standardwebhooks");

const verdicts = JSON.parse(require("fs").readFileSync(0, "utf8")).map(({ secret, headers, body }) => {
  try {
    return { body: new Webhook(secret).verify(body, headers) };
  } catch (error) {
    return { refused: `${error.name}: ${error.message}` };
  }
});
process.stdout.write(JSON.stringify(verdicts));
