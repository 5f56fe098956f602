// Why an audit's score is what it is: what each test has cost and earned, and where to look for it.
import type { Audit } from "./api";
import { checksOf } from "./checks";
import { setQuery } from "./router";
import { number, points, t } from "./text";
import { useLoad } from "./ui";

/* Has the table below show what lost points. */
function See({ filter, children }: { filter: Record<string, string>; children: string }) {
    return <button type="button" class="quiet" onClick={() => {
        setQuery(new URLSearchParams({ status: "FAIL", ...filter }));
        document.getElementById("findings")?.scrollIntoView();
    }}>{children}</button>;
}

/** What score_details has, as a table. */
export function Explained({ audit }: { audit: Audit }) {
    const checks = useLoad(async () => await checksOf(audit.engine), [audit.engine]);
    const details = audit.score_details;
    if (!details) {
        return null;
    }
    const of = (test: string) => [...checks.data?.values() ?? []].filter(check => check.test === test).map(check => check.name);
    const tests = [...details.tests].sort((a, b) => a.points - b.points), severities = details.severities;
    return <>
        <p>{t.scoreRules(number(details.resources))}</p>
        {tests.length + severities.length > 0 && <div class="scroll" role="region" aria-label={t.scoreWhy} tabIndex={0}><table>
            <thead><tr>{[t.test, t.checks, t.resources, t.points].map(text => <th key={text} scope="col">{text}</th>)}</tr></thead>
            <tbody>{tests.map(one => <tr key={one.test}><th scope="row" class="long">{one.test}</th>
                <td class="long">{of(one.test).map(check => <See key={check} filter={{ check }}>{check}</See>)}</td><td>{number(one.resources)}</td><td>{points(one.points)}</td></tr>)}
                {severities.map(one => <tr key={one.severity}><th scope="row" class="long">{t.pointsOf(t.severities[one.severity])}</th>
                    <td class="long"><See filter={{ severity: one.severity }}>{t.findings}</See></td>
                    <td>{number(one.resources)}</td><td>{points(one.points)}</td></tr>)}</tbody>
        </table></div>}
        {tests.length + severities.length === 0 && <p>{t.nothingLost}</p>}
    </>;
}
