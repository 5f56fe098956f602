"""Who asks, for which organization, in which role, on which subscription: two queries, as REST framework's own
token authentication with an organization beside it would have them.
"""

import hashlib

from django.utils import timezone
from models import Membership, Token
from rest_framework import authentication, exceptions, permissions

RANKS = {"VIEWER": 1, "MEMBER": 2, "ADMIN": 3}


class BearerToken(authentication.BaseAuthentication):
    def authenticate(self, request):
        kind, _, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if kind != "Bearer" or not text:
            return None
        digest = hashlib.sha256(text.encode()).hexdigest()
        token = Token.objects.select_related("user").filter(hash=digest, revoked_at=None).first()
        if token is None or not token.user.is_active or (token.expires_at and token.expires_at <= timezone.now()):
            raise exceptions.AuthenticationFailed("Invalid token.")
        return token.user, token

    def authenticate_header(self, request):
        return "Bearer"


class IsMember(permissions.BasePermission):
    """Of the organization that the header names, or the token; it stays at the request for the view."""

    def has_permission(self, request, view):
        token = request.auth
        if token is None:
            return False
        org = request.META.get("HTTP_X_ORGANIZATION_ID") or token.organization_id
        if org is None or (token.organization_id and str(org) != str(token.organization_id)):
            return False
        membership = (Membership.objects.select_related("organization")
                      .filter(organization_id=org, user_id=token.user_id, organization__deleted_at=None).first())
        if membership is None:
            raise exceptions.NotFound()
        request.organization = membership.organization
        request.role = min(membership.role, token.role or "ADMIN", key=RANKS.get)
        return True


class MayWrite(permissions.BasePermission):
    def has_permission(self, request, view):
        return request.role in ("ADMIN", "MEMBER")


class HasSubscription(permissions.BasePermission):
    message = "Upgrade to Premium to export data"

    def has_permission(self, request, view):
        ends = request.organization.subscription_ends_at
        return request.organization.subscription_status == "active" and (ends is None or ends > timezone.now())
