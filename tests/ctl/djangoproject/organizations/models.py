from django.conf import settings
from django.db import models
from django.utils import timezone

ROLES = [(role, role) for role in ("ADMIN", "MEMBER", "VIEWER")]


class Organization(models.Model):
    name = models.CharField(max_length=200)
    slug = models.SlugField(unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)
    subscription_status = models.CharField(max_length=20, default="free")
    subscription_started_at = models.DateTimeField(null=True)
    subscription_ends_at = models.DateTimeField(null=True)
    stripe_customer_id = models.CharField(max_length=100, null=True, unique=True)
    stripe_subscription_id = models.CharField(max_length=100, null=True, unique=True)


class Membership(models.Model):
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    role = models.CharField(max_length=10, choices=ROLES)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        unique_together = [("organization", "user")]


class Invite(models.Model):
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=ROLES, default="MEMBER")
    token = models.CharField(max_length=64, unique=True)
    status = models.CharField(max_length=10, default="pending")
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    accepted_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
