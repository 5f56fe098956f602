"""The same paths as mod_saas below /api/v1, and the gate."""

from django.urls import path
from views import AuditList, EvidenceList, Export, Gate

urlpatterns = [
    path("gated/page.html", Gate.as_view()),
    path("api/v1/audits/", AuditList.as_view()),
    path("api/v1/audits/<uuid:audit>/evidence/", EvidenceList.as_view()),
    path("api/v1/audits/<uuid:audit>/export/csv/", Export.as_view()),
]
