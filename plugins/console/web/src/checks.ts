// What the engines look at, in the API's words: asked for when the first finding is opened, and once for each engine.
import { api, asProblem, type Check, must } from "./api";

const known = new Map<string, Promise<Map<string, Check>>>();

async function ask(engine: string): Promise<Map<string, Check>> {
    try {
        const { results } = await must(api.GET("/audits/checks/", { params: { query: { engine } } }));
        return new Map(results.map(check => [check.name, check]));
    }
    catch (failure) {
        // An API that does not tell of checks yet: findings are shown without.
        if (asProblem(failure).status === 404) {
            return new Map();
        }
        throw failure;
    }
}

/** The checks of an engine by their names; none of one without words, as for findings of other scanners. */
export async function checksOf(engine: string): Promise<Map<string, Check>> {
    let checks = known.get(engine);
    if (!checks) {
        checks = ask(engine);
        known.set(engine, checks);
        checks.catch(() => known.delete(engine));
    }
    return checks;
}
