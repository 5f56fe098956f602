from django.conf import settings
from django.db import models
from django.utils import timezone

from organizations.models import Organization


class Audit(models.Model):
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    name = models.CharField(max_length=200)
    targets = models.JSONField(default=list)
    status = models.CharField(max_length=10, default="queued")
    score = models.FloatField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)


class Evidence(models.Model):
    audit = models.ForeignKey(Audit, on_delete=models.CASCADE)
    resource_id = models.CharField(max_length=500)
    check_name = models.CharField(max_length=200)
    status = models.CharField(max_length=10)
    severity = models.CharField(max_length=20)
    timestamp = models.DateTimeField(default=timezone.now)
    comment = models.TextField(blank=True)
