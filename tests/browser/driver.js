// Drives Debian's Chromium for tests/lib/saastest/browser.py: a line of JSON in, {id, do, page, args}; one out, {id, value} or {id, error}.
"use strict";

const readline = require("node:readline");
const { chromium } = require("playwright-core");

const pages = new Map();
let browser;

const timeout = 15000;

// Milliseconds by which every call of the API comes later: a test that goes on before a page has what it is about fails then.
const late = Number(process.env.SAAS_LATE || 0);

// What a person does, and what they see.
const steps = {
    async open(page, key, options) {
        // A browser as it comes: playwright would switch off what "Back" is made of.
        browser ||= await chromium.launch({
            executablePath: process.env.SAAS_CHROMIUM, args: ["--no-sandbox", ...JSON.parse(process.env.SAAS_CHROMIUM_ARGS || "[]")],
            ignoreDefaultArgs: ["--disable-back-forward-cache", "--disable-component-extensions-with-background-pages"],
        });
        const context = await browser.newContext({ ignoreHTTPSErrors: true, acceptDownloads: true, ...options });
        if (late) {
            await context.route("**/api/v1/**", async route => {
                await new Promise(go => setTimeout(go, late));
                await route.fallback().catch(() => { /* nobody waits any more */ });
            });
        }
        const made = await context.newPage();
        made.setDefaultTimeout(timeout);
        made.problems = [];
        made.on("pageerror", error => made.problems.push(String(error)));
        made.on("console", message => !["verbose", "debug", "info", "log"].includes(message.type()) && made.problems.push(`${message.text()} ${message.location().url}`.trim()));
        made.on("dialog", dialog => { made.problems.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
        pages.set(key, made);
    },
    async goto(page, key, url) {
        const reply = await page.goto(url);
        return reply && reply.status();
    },
    async back(page) {
        const url = page.url();
        await page.evaluate(() => { history.back(); });
        await page.waitForURL(now => now.href !== url, { waitUntil: "commit" });
        // A page out of the browser's memory is loaded already.
        await page.waitForFunction(() => document.readyState === "complete");
    },
    async reload(page) {
        const reply = await page.reload();
        return reply && reply.status();
    },
    async text(page) {
        return page.evaluate(() => document.documentElement.innerText);
    },
    async url(page) {
        return page.url();
    },
    async evaluate(page, key, code) {
        return page.evaluate(code);
    },
    async fill(page, key, selector, value) {
        await page.fill(selector, value);
    },
    async click(page, key, selector) {
        await page.click(selector);
    },
    // A button that leads to another page, which may look the same: back when it has come.
    async press(page, key, selector) {
        await Promise.all([page.waitForNavigation(), page.click(selector)]);
    },
    async choose(page, key, selector, value) {
        await page.selectOption(selector, value);
    },
    async download(page, key, selector) {
        const [started] = await Promise.all([page.waitForEvent("download"), page.click(selector)]);
        return [started.suggestedFilename(), require("node:fs").readFileSync(await started.path(), "utf8")];
    },
    // A click that opens another window: its address and what it shows; closed again.
    async popup(page, key, selector) {
        const [opened] = await Promise.all([page.waitForEvent("popup"), page.click(selector)]);
        await opened.waitForLoadState();
        const found = [opened.url(), await opened.evaluate(() => document.documentElement.innerText)];
        await opened.close();
        return found;
    },
    async shows(page, key, selector, text) {
        const found = ([where, what]) => document.querySelector(where)?.textContent.includes(what);
        await page.waitForFunction(found, [selector, text]).catch(async error => {
            throw new Error(`${error.message} There is: ${await page.evaluate(() => document.body.innerText)}`);
        });
    },
    async wait(page, key, selector) {
        await page.waitForSelector(selector);
    },
    // As waitForFunction(), which pages that forbid eval() do not let.
    async until(page, key, code) {
        // Asked while another page comes, there is nobody to answer.
        const holds = () => page.evaluate(code).catch(error => {
            if (!/context was destroyed/.test(error.message)) {
                throw error;
            }
        });
        for (const end = Date.now() + timeout; !await holds();) {
            if (Date.now() > end) {
                throw new Error(`not within ${timeout} ms: ${code}. There is: ${await page.evaluate(() => document.body.innerText)}`);
            }
            await new Promise(go => setTimeout(go, 50));
        }
    },
    async cookies(page, key, cookies) {
        await page.context().addCookies(cookies);
    },
    async problems(page) {
        return page.problems.splice(0);
    },
    // What matches is answered with a status from now on, past the server.
    async route(page, key, pattern, status) {
        await page.route(pattern, route => route.fulfill({ status, contentType: "application/json", headers: { "Retry-After": "1" },
            body: JSON.stringify({ detail: "The service cannot be reached at the moment.", code: "unavailable" }) }));
    },
    // What matches, of a method ("" for any), is answered with this from now on, past the server; status 0: the connection is cut.
    async answered(page, key, pattern, method, status, body, headers) {
        await page.route(pattern, route => method && route.request().method() !== method ? route.fallback()
            : status === 0 ? route.abort("connectionreset")
                : route.fulfill({ status, headers: headers || {}, ...typeof body === "string" ? { contentType: "text/html", body } : { contentType: "application/json", body: JSON.stringify(body) } }));
    },
    // What the server answers to what matches has these members no more, at whatever depth.
    async without(page, key, pattern, names) {
        await page.route(pattern, async route => {
            const response = await route.fetch();
            const text = await response.text();
            let body = text;
            try {
                body = JSON.stringify(JSON.parse(text, (name, value) => names.includes(name) ? undefined : value));
            }
            catch { /* no JSON: as it is */ }
            await route.fulfill({ response, body });
        });
    },
    // What matches waits from now on, before it is sent; release() lets it go.
    async hold(page, key, pattern) {
        page.held = [];
        await page.route(pattern, route => page.held.push(route));
    },
    async release(page, key, pattern) {
        await Promise.all(page.held.splice(0).map(route => route.continue().catch(() => { /* nobody waits any more */ })));
        await page.unroute(pattern);
    },
    async unroute(page, key, pattern) {
        await page.unroute(pattern);
    },
    // A script that is run by the driver, past the page's policy.
    async script(page, key, path) {
        await page.evaluate(require("node:fs").readFileSync(path, "utf8"));
    },
    // A script of every page that comes, before its own.
    async before(page, key, code) {
        await page.addInitScript(code);
    },
    // A processor so many times slower.
    async slow(page, key, rate) {
        const session = await page.context().newCDPSession(page);
        await session.send("Emulation.setCPUThrottlingRate", { rate });
    },
    // A file of somebody's, chosen in a field.
    async attach(page, key, selector, name, text) {
        await page.setInputFiles(selector, { name, mimeType: "text/csv", buffer: Buffer.from(text) });
    },
    async resize(page, key, width, height) {
        await page.setViewportSize({ width, height });
    },
    async scheme(page, key, colorScheme) {
        await page.emulateMedia({ colorScheme });
    },
    async hit(page, key, name) {
        await page.keyboard.press(name);
    },
    // Tab until what has the focus is wanted: code says so of `now`. Where the focus is has to show.
    async reach(page, key, code, most) {
        for (let i = 0; ; i++) {
            const seen = await page.evaluate(`(() => { const now = document.activeElement; return (${code}) ? getComputedStyle(now).outlineStyle : ""; })()`);
            if (seen) {
                return seen !== "none";
            }
            if (i === most) {
                throw new Error(`not reached by Tab: ${code}. There is: ${await page.evaluate(() => document.body.innerText)}`);
            }
            await page.keyboard.press("Tab");
        }
    },
    async downloadBy(page, key, name) {
        const [started] = await Promise.all([page.waitForEvent("download"), page.keyboard.press(name)]);
        return [started.suggestedFilename(), require("node:fs").readFileSync(await started.path(), "utf8")];
    },
    async type(page, key, text) {
        await page.keyboard.type(text);
    },
    async screenshot(page, key, path) {
        await page.screenshot({ path, fullPage: true });
    },
    async close(page, key) {
        pages.delete(key);
        await page.context().close();
    },
};

// One after the other, as they come.
async function main() {
    for await (const line of readline.createInterface({ input: process.stdin })) {
        const { id, do: step, page, args } = JSON.parse(line);
        let answer;
        try {
            answer = { id, value: (await steps[step](pages.get(page), page, ...args)) ?? null };
        }
        catch (error) {
            answer = { id, error: String(error && error.message || error) };
        }
        process.stdout.write(JSON.stringify(answer) + "\n");
    }
    await browser?.close();
}

main();
