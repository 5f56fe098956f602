// An organization's name, address and end; and a new one.
import { useState } from "preact/hooks";

import { api, must, Problem } from "../api";
import { membership } from "../organization";
import { carried, navigate } from "../router";
import { refresh, refreshAndGo } from "../session";
import { t } from "../text";
import { Dialog, Done, Field, Form, Page } from "../ui";

function Remove() {
    const { organization } = membership();
    const [asked, ask] = useState(false);
    return <section>
        <h2>{t.deleteOrganization}</h2>
        <p>{t.deleteOrganizationLead}</p>
        <button type="button" class="danger" onClick={() => ask(true)}>{t.deleteOrganization}</button>
        {asked && <Dialog title={t.deleteOrganization} close={() => ask(false)}>
            <p>{t.typeName(organization.name)}</p>
            <Form submit={t.deleteForGood} danger send={async ({ typed = "" }) => {
                if (typed.trim() !== organization.name) {
                    throw new Problem(400, "", "", { typed: [t.notTheName] });
                }
                await must(api.DELETE("/organizations/{org}/", { params: { path: { org: organization.id } } }));
                await refreshAndGo("/");
            }}><Field name="typed" label={t.organizationName} autocomplete="off" /></Form>
        </Dialog>}
    </section>;
}

export function Settings() {
    const { organization } = membership();
    const [saved, setSaved] = useState(carried().saved ?? false);
    return <Page title={t.settings}>
        <Form submit={t.save} send={async ({ name = "", slug = "" }) => {
            setSaved(false);
            const changed = await must(api.PATCH("/organizations/{org}/", { params: { path: { org: organization.id } }, body: { name, slug } }));
            await refreshAndGo(`/o/${changed.slug}/settings`, { saved: true });
            setSaved(true);
        }}>
            <Field name="name" label={t.organizationName} initial={organization.name} />
            <Field name="slug" label={t.slug} initial={organization.slug} spellcheck={false} hint={t.slugHint} />
        </Form>
        {saved && <Done><p>{t.saved}</p></Done>}
        <Remove />
    </Page>;
}

export function NewOrganization() {
    return <Page title={t.newOrganization} lead={t.newOrganizationLead}>
        <Form submit={t.create} send={async ({ name = "" }) => {
            const { slug } = await must(api.POST("/organizations/", { body: { name } }));
            await refresh();
            navigate(`/o/${slug}/`);
        }}><Field name="name" label={t.organizationName} autofocus /></Form>
    </Page>;
}
