"""The tables of mod_saas as Django sees them, read only. Where a primary key has several columns, the one that names
a row within its parent stands for it; every query filters by the others too.
"""

from django.db import models


class User(models.Model):
    id = models.UUIDField(primary_key=True)
    email = models.TextField()
    name = models.TextField()
    is_active = models.BooleanField()

    is_authenticated = True

    class Meta:
        app_label, managed, db_table = "twin", False, "users"


class Organization(models.Model):
    id = models.UUIDField(primary_key=True)
    name = models.TextField()
    slug = models.TextField()
    deleted_at = models.DateTimeField(null=True)
    subscription_status = models.TextField()
    subscription_ends_at = models.DateTimeField(null=True)

    class Meta:
        app_label, managed, db_table = "twin", False, "organizations"


class Token(models.Model):
    id = models.UUIDField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE)
    organization = models.ForeignKey(Organization, models.CASCADE, null=True)
    role = models.TextField(null=True)
    hash = models.TextField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        app_label, managed, db_table = "twin", False, "tokens"


class Membership(models.Model):
    user = models.OneToOneField(User, models.CASCADE, primary_key=True)
    organization = models.ForeignKey(Organization, models.CASCADE, db_column="org_id")
    role = models.TextField()

    class Meta:
        app_label, managed, db_table = "twin", False, "memberships"


class Audit(models.Model):
    id = models.UUIDField(primary_key=True)
    org_id = models.UUIDField()
    name = models.TextField()
    engine = models.TextField()
    targets = models.JSONField()
    status = models.TextField()
    progress_done = models.IntegerField()
    progress_total = models.IntegerField()
    evidence_count = models.BigIntegerField()
    counts = models.JSONField()
    score = models.IntegerField(null=True)
    error = models.TextField(null=True)
    created_by = models.UUIDField(null=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        app_label, managed, db_table = "twin", False, "audits"


class Evidence(models.Model):
    number = models.BigIntegerField(primary_key=True)
    org_id = models.UUIDField()
    audit_id = models.UUIDField()
    resource_id = models.TextField()
    check_name = models.TextField()
    status = models.TextField()
    severity = models.TextField()
    observed_at = models.DateTimeField()
    comment = models.TextField()

    class Meta:
        app_label, managed, db_table = "twin", False, "evidence"
