// The organization of the page that somebody is on.
import type { Membership } from "./api";
import { membershipOf } from "./frame";
import { place } from "./router";
import { profile } from "./session";

/** Of a page below /o/…/, which the frame shows to members alone. */
export function membership(): Membership {
    return membershipOf(profile!, place().path)!;
}

export function orgPath(page = ""): string {
    return `/o/${membership().organization.slug}/${page}`;
}

/** Roles are shown what they may do; that they may not do more is the API's to see to. */
export function mayWrite(): boolean {
    return membership().role !== "VIEWER";
}

export function isAdmin(): boolean {
    return membership().role === "ADMIN";
}

/** Under this name the window remembers whose billing page somebody has left for Stripe's: they come back without it. */
export const PAYING = "console-paying";
