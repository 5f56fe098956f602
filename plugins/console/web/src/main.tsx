// The console: which page an address is. Pages are loaded when somebody comes to them.
import { Component, type ComponentChildren, type ComponentType, render } from "preact";
import { useEffect, useState } from "preact/hooks";

import { asProblem, type Problem, type Profile } from "./api";
import { Shell, Unframed } from "./frame";
import { logInPath, navigate, place, usePlace } from "./router";
import { refresh, useProfile, watchSession } from "./session";
import { loadTexts, t } from "./text";
import { PAYING } from "./organization";
import { Link, Loading, Page, Refusal } from "./ui";

type Module = Record<string, ComponentType<any>>;

interface Route {
    pattern: RegExp;
    load: () => Promise<Module>;
    page: string;
    /** Also for who is not logged in. */
    open?: true;
    /** For who is not logged in alone; who is goes on from there. */
    guests?: true;
    wide?: true;
}

const auth = () => import("./pages/auth");
const settings = () => import("./pages/settings");
const billing = () => import("./pages/billing");
const reference = () => import("./pages/reference");
const routes: Route[] = [
    { pattern: /^\/$/, load: () => import("./pages/welcome"), page: "Welcome", guests: true },
    { pattern: /^\/login$/, load: auth, page: "LogIn", open: true },
    { pattern: /^\/signup$/, load: auth, page: "SignUp", open: true },
    { pattern: /^\/forgot$/, load: auth, page: "Forgot", open: true },
    { pattern: /^\/reset-password$/, load: auth, page: "Reset", open: true },
    { pattern: /^\/verify-email$/, load: auth, page: "Verify", open: true },
    { pattern: /^\/invite$/, load: auth, page: "Invite", open: true },
    { pattern: /^\/logged-out$/, load: auth, page: "LoggedOut", open: true },
    { pattern: /^\/api$/, load: reference, page: "Reference", open: true, wide: true },
    { pattern: /^\/billing\/return$/, load: billing, page: "Return" },
    { pattern: /^\/o\/([^/]+)\/?$/, load: () => import("./pages/overview"), page: "Overview" },
    { pattern: /^\/o\/([^/]+)\/audits$/, load: () => import("./pages/audits"), page: "Audits" },
    { pattern: /^\/o\/([^/]+)\/audits\/hosts$/, load: () => import("./pages/hosts"), page: "Hosts" },
    { pattern: /^\/o\/([^/]+)\/audits\/schedules$/, load: () => import("./pages/schedules"), page: "Schedules" },
    { pattern: /^\/o\/([^/]+)\/audits\/([^/]+)$/, load: () => import("./pages/audit"), page: "OneAudit" },
    { pattern: /^\/o\/([^/]+)\/audits\/([^/]+)\/diff\/([^/]+)$/, load: () => import("./pages/diff"), page: "Diff" },
    { pattern: /^\/o\/([^/]+)\/billing$/, load: billing, page: "Billing" },
    { pattern: /^\/o\/([^/]+)\/team$/, load: () => import("./pages/team"), page: "Team" },
    { pattern: /^\/o\/([^/]+)\/activity$/, load: () => import("./pages/activity"), page: "Trail" },
    { pattern: /^\/o\/([^/]+)\/webhooks$/, load: () => import("./pages/webhooks"), page: "Webhooks" },
    { pattern: /^\/o\/([^/]+)\/api$/, load: reference, page: "Reference" },
    { pattern: /^\/o\/([^/]+)\/settings$/, load: settings, page: "Settings" },
    { pattern: /^\/organizations\/new$/, load: settings, page: "NewOrganization" },
    { pattern: /^\/account$/, load: () => import("./pages/account"), page: "Account" },
];

function NotFound() {
    return <Page title={t.notFoundTitle}><p>{t.notFound}</p><p><Link to="/" class="button">{t.toStart}</Link></p></Page>;
}

/* A page that breaks says so instead of vanishing. */
class Fence extends Component<{ children: ComponentChildren; at: string }, { problem?: Problem; at?: string }> {
    override state: { problem?: Problem; at?: string } = {};
    override componentDidCatch(failure: unknown): void {
        this.setState({ problem: asProblem(failure), at: this.props.at });
    }
    override render() {
        return this.state.problem && this.state.at === this.props.at
            ? <Page title={t.brokenTitle}><Refusal problem={this.state.problem} again={() => location.reload()} /></Page> : this.props.children;
    }
}

const loaded = new Map<() => Promise<Module>, Module>();

function Lazy({ route, args }: { route: Route; args: string[] }) {
    const [problem, setProblem] = useState<Problem>();
    const [, redraw] = useState(0);
    const module = loaded.get(route.load);
    useEffect(() => {
        setProblem(undefined);
        if (!module) {
            // A build that has been replaced since: its files are not there any more, and the page anew is of the new one.
            route.load().then(found => {
                loaded.set(route.load, found);
                redraw(count => count + 1);
            }, failure => setProblem(asProblem(failure)));
        }
    }, [route]);
    const Found = module?.[route.page];
    return problem ? <Refusal problem={problem} again={() => location.reload()} /> : Found ? <Found args={args} /> : <Loading />;
}

/* "/" is the organization that somebody works in by default; some addresses come without one, from mails and from Stripe. */
function home(profile: Profile): string {
    const membership = profile.memberships.find(one => one.organization.id === profile.default_organization) ?? profile.memberships[0];
    return membership ? `/o/${membership.organization.slug}/` : "";
}

/* Where an address without an organization leads. */
function elsewhere(profile: Profile, path: string): string {
    return path === "/" ? home(profile)
        : path === "/billing" ? (sessionStorage.getItem(PAYING) ?? home(profile) + "billing") : "";
}

/* Who it is, where a page has to know: those for anyone do not, but for an invite, which is also for who is in already. */
function useKnown(wanted: boolean) {
    const profile = useProfile();
    const [problem, setProblem] = useState<Problem>();
    const [round, setRound] = useState(0);
    const ask = wanted && profile === undefined;
    useEffect(() => {
        let timer = 0;
        if (ask) {
            refresh().then(() => setProblem(undefined), failure => {
                const found = asProblem(failure);
                setProblem(found);
                if (found.passes) {
                    timer = setTimeout(() => setRound(count => count + 1), Math.max(found.retryAfter, 3) * 1000);
                }
            });
        }
        return () => clearTimeout(timer);
    }, [ask, round]);
    return { profile, problem: ask ? problem : undefined, again: () => setRound(count => count + 1) };
}

function App() {
    const { path } = usePlace();
    const route = routes.find(one => one.pattern.test(path));
    const { profile, problem, again } = useKnown(!route?.open || route.page === "Invite");
    const start = profile ? elsewhere(profile, path) : "";
    const refused = profile === null && !route?.open && !route?.guests;
    useEffect(() => {
        if (refused) {
            navigate(logInPath(), { replace: true });
        }
        else if (start) {
            navigate(start, { replace: true });
        }
    }, [refused, start]);
    if (problem) {
        return <Unframed><Page title={t.brokenTitle}><Refusal problem={problem} again={again} /></Page></Unframed>;
    }
    if (refused || start || (profile === undefined && (!route?.open || route.page === "Invite"))) {
        return <Unframed><Loading /></Unframed>;
    }
    const args = route?.pattern.exec(path)?.slice(1) ?? [];
    const content = <Fence at={path}>{route ? <Lazy key={path} route={route} args={args} /> : <NotFound />}</Fence>;
    return profile && !route?.open ? <Shell profile={profile} path={path}>{content}</Shell> : <Unframed wide={route?.wide ?? false}>{content}</Unframed>;
}

/* What the first page needs comes at once and not one after the other; what does not come, its own page asks for again. */
async function start(): Promise<void> {
    const route = routes.find(one => one.pattern.test(place().path));
    await Promise.all([
        loadTexts(),
        route?.load().then(found => loaded.set(route.load, found)).catch(() => undefined),
        route?.open ? undefined : refresh().catch(() => undefined),
    ]);
    watchSession();
    render(<App />, document.querySelector("#app")!);
}

start();
