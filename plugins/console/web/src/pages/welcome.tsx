// The first page, for whoever is not logged in: what this is, and the two ways in. In the operator's words where there are any.
import { useEffect, useState } from "preact/hooks";

import { product, welcome } from "../page";
import { language, t } from "../text";
import { Link, Page } from "../ui";

const own = welcome[language] ?? welcome[""];

/* Paragraphs have an empty line between them. */
function paragraphs(text: string): string[] {
    return text.split(/\n\s*\n/).map(part => part.trim()).filter(Boolean);
}

export function Welcome() {
    const [text, setText] = useState(own ? undefined : t.welcome);
    useEffect(() => {
        if (own) {
            // Without the operator's words there are still ours.
            fetch(own).then(async reply => reply.ok ? paragraphs((await reply.text()).replace(/\r/g, "")) : t.welcome)
                .catch(() => t.welcome).then(setText);
        }
    }, []);
    return <Page title={product}>
        <div class="welcome">{text?.map(part => <p key={part}>{part}</p>)}</div>
        <p class="row"><Link to="/signup" class="button">{t.signUp}</Link> <Link to="/login" class="button quiet">{t.logIn}</Link></p>
    </Page>;
}
