"""The endpoints that are measured: the gate alone, the list of audits, an audit's evidence, its CSV export."""

import base64
import csv

from access import HasSubscription, IsMember, MayWrite
from django.http import StreamingHttpResponse
from models import Audit, Evidence
from rest_framework import exceptions, generics, pagination, serializers, views
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

STATUSES, SEVERITIES = ("PASS", "FAIL", "MANUAL", "ERROR"), ("critical", "high", "medium", "low", "informational")
NO_COUNTS = {"status": dict.fromkeys(STATUSES, 0), "severity": dict.fromkeys(SEVERITIES, 0)}


class Gate(views.APIView):
    permission_classes = [IsMember, MayWrite, HasSubscription]

    def get(self, request):
        return Response({"granted": True})


class AuditSerializer(serializers.ModelSerializer):
    progress = serializers.SerializerMethodField()
    counts = serializers.SerializerMethodField()

    class Meta:
        model = Audit
        fields = ["id", "name", "engine", "targets", "status", "progress", "counts", "evidence_count", "score", "error",
                  "created_by", "created_at", "started_at", "finished_at"]

    def get_progress(self, audit):
        return {"done": audit.progress_done, "total": audit.progress_total}

    def get_counts(self, audit):
        return audit.counts or NO_COUNTS


class Pages(pagination.PageNumberPagination):
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def get_previous_link(self):
        """Page 1 has its number in the URL, as any other."""
        if not self.page.has_previous():
            return None
        return replace_query_param(self.request.build_absolute_uri(), "page", self.page.previous_page_number())


class AuditList(generics.ListAPIView):
    serializer_class = AuditSerializer
    pagination_class = Pages

    def get_queryset(self):
        return Audit.objects.filter(org_id=self.request.organization.id).order_by("-id")


class EvidenceSerializer(serializers.ModelSerializer):
    id = serializers.IntegerField(source="number")
    timestamp = serializers.DateTimeField(source="observed_at")

    class Meta:
        model = Evidence
        fields = ["id", "resource_id", "check_name", "status", "severity", "timestamp", "comment"]


def audit_of(request, key):
    audit = Audit.objects.filter(org_id=request.organization.id, id=key).first()
    if audit is None:
        raise exceptions.NotFound()
    return audit


class EvidencePages(pagination.BasePagination):
    """After the number that the cursor tells, by the primary key; the count is the audit's own."""

    def paginate_queryset(self, queryset, request, view=None):
        self.url, self.count = request.build_absolute_uri(), view.audit.evidence_count
        cursor = request.query_params.get("cursor")
        after = int(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))[1:]) if cursor else 0
        rows = list(queryset.filter(number__gt=after)[:51])
        self.more = len(rows) > 50
        return rows[:50]

    def get_paginated_response(self, data):
        following = None
        if self.more:
            cursor = base64.urlsafe_b64encode(f"a{data[-1]['id']}".encode()).decode().rstrip("=")
            following = replace_query_param(self.url, "cursor", cursor)
        return Response({"count": self.count, "next": following, "previous": None, "results": data})


class EvidenceList(generics.ListAPIView):
    serializer_class = EvidenceSerializer
    pagination_class = EvidencePages

    def get_queryset(self):
        self.audit = audit_of(self.request, self.kwargs["audit"])
        return Evidence.objects.filter(org_id=self.audit.org_id, audit_id=self.audit.id).order_by("number")


class Echo:
    """What csv.writer writes to: gives each record back instead of keeping it."""

    def write(self, record):
        return record


def guard(cell):
    return "'" + cell if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


class Export(views.APIView):
    permission_classes = [IsMember, HasSubscription]

    def get(self, request, audit):
        key = audit_of(request, audit).id
        rows = Evidence.objects.filter(org_id=request.organization.id, audit_id=key).order_by("number")
        response = StreamingHttpResponse(self.records(rows), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="audit_{key}.csv"'
        return response

    def records(self, rows):
        writer = csv.writer(Echo())
        yield writer.writerow(["Resource ID", "Check Name", "Status", "Severity", "Timestamp", "Comment"])
        for row in rows.iterator():
            yield writer.writerow([guard(row.resource_id), guard(row.check_name), row.status, row.severity,
                                   row.observed_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), guard(row.comment)])
