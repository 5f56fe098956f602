"""A stand-in for Stripe's API, checkout page and webhooks, for tests and demos."""
