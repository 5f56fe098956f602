// What plans give, in words: for the page where they are bought, and for refusals that a larger one would not have met.
import { api, must, type Plan } from "./api";
import { money, number, t } from "./text";

/** A plan's name as people write it. */
export function called(plan: string): string {
    return plan.charAt(0).toUpperCase() + plan.slice(1);
}

export function priceOf(price: Plan["prices"][number]): string {
    return price.unit_amount !== null && price.currency
        ? money(price.unit_amount, price.currency) + (price.interval ? t.per(price.interval, price.interval_count ?? 1) : "") : price.description ?? price.product ?? price.id;
}

/** Features and limits, one by one. */
export function given(plan: Plan): string[] {
    return [
        ...plan.features === null ? [t.allFeatures] : plan.features.map(feature => t.features[feature as keyof typeof t.features] ?? feature),
        ...plan.limits.map(limit => t.limited(number(limit.limit), t.limitNames[limit.name as keyof typeof t.limitNames] ?? limit.name, limit.per)),
    ];
}

export function sold(plan: Plan): Plan["prices"] {
    return plan.prices.filter(price => price.active !== false);
}

let known: Promise<Plan[]> | undefined;

/** Plans that can be bought; asked for once. None where nothing is sold, or where it cannot be told now. */
export async function forSale(): Promise<Plan[]> {
    known ??= must(api.GET("/billing/plans/")).then(({ plans }) => plans.filter(plan => sold(plan).length > 0));
    try {
        return await known;
    }
    catch {
        known = undefined;
        return [];
    }
}
