// The language of the page: texts, dates and numbers. The browser's, unless somebody has chosen another.
import type { Texts } from "./texts/en";

const languages = {
    en: async () => (await import("./texts/en")).en,
    de: async () => (await import("./texts/de")).de,
};

export type Language = keyof typeof languages;
export const languageNames: Record<Language, string> = { en: "English", de: "Deutsch" };

const KEPT_AS = "console-language";

export let t: Texts;
export let language: Language = "en";
let locale = "en";

function known(name: string | null): Language | undefined {
    const short = name?.slice(0, 2).toLowerCase() ?? "";
    return short in languages ? short as Language : undefined;
}

/** Once, before anything is shown. */
export async function loadTexts(): Promise<void> {
    const chosen = known(localStorage.getItem(KEPT_AS));
    const wanted = chosen ?? navigator.languages.map(known).find(Boolean) ?? "en";
    language = wanted;
    locale = navigator.languages.find(name => known(name) === wanted) ?? wanted;
    t = await languages[wanted]();
    document.documentElement.lang = wanted;
}

export function choose(wanted: Language): void {
    localStorage.setItem(KEPT_AS, wanted);
    location.reload();
}

export function date(time: string | null | undefined): string {
    return time ? new Intl.DateTimeFormat(locale, { dateStyle: "long" }).format(new Date(time)) : "";
}

export function moment(time: string | null | undefined): string {
    return time ? new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }).format(new Date(time)) : "";
}

export function number(value: number): string {
    return new Intl.NumberFormat(locale).format(value);
}

/** With its sign. */
export function points(value: number): string {
    return new Intl.NumberFormat(locale, { signDisplay: "exceptZero" }).format(value);
}

/** Of 1. */
export function percent(part: number): string {
    return new Intl.NumberFormat(locale, { style: "percent" }).format(part);
}

/** An amount in a currency's smallest unit. */
export function money(amount: number, currency: string): string {
    const format = new Intl.NumberFormat(locale, { style: "currency", currency: currency.toUpperCase() });
    return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}
