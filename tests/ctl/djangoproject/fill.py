"""Rows of the product, as people make them: by the ORM, by the admin site, by logging in. Prints nothing."""

import os
from datetime import timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "product.settings")
django.setup()

from django.contrib.auth.hashers import make_password  # noqa: E402
from django.contrib.auth.models import Group, Permission, User  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from audits.models import Audit, Evidence  # noqa: E402
from organizations.models import Invite, Membership, Organization  # noqa: E402

PASSWORD = os.environ["DJANGO_PASSWORD"]
HASHERS = os.environ["DJANGO_HASHERS"].split()
root = User.objects.get(username="root")

# One for each hasher; all but the first are members of the first one's organization.
users = [User.objects.create(username=name, email=f"{name}@example.test", first_name=name.title(), password=make_password(PASSWORD, hasher=name))
         for name in HASHERS]
off = User(username="off", email="off@example.test")
off.set_unusable_password()
off.save()
ada = users[0]

acme = Organization.objects.create(name="Acme", slug="acme", subscription_status="active", subscription_started_at=timezone.now(),
                                   stripe_customer_id="cus_acme", stripe_subscription_id="sub_acme")
beta = Organization.objects.create(name="Beta", slug="beta")
for user in users:
    Membership.objects.create(organization=acme, user=user, role="ADMIN" if user == ada else "MEMBER")
Membership.objects.create(organization=acme, user=root, role="ADMIN")
Membership.objects.create(organization=beta, user=root, role="ADMIN")
Membership.objects.create(organization=beta, user=off, role="VIEWER")

soon = timezone.now() + timedelta(days=7)
Invite.objects.create(organization=acme, email="new@example.test", token="a", invited_by=ada, expires_at=soon)
Invite.objects.create(organization=acme, email="by-root@example.test", token="b", invited_by=root, expires_at=soon)
Invite.objects.create(organization=beta, email="nobody-left@example.test", token="c", invited_by=root, expires_at=soon)

for organization, by in ((acme, ada), (acme, root), (beta, root)):
    audit = Audit.objects.create(organization=organization, created_by=by, name=f"{organization.name} by {by.username}",
                                 targets=["https://example.test/"], status="completed", finished_at=timezone.now())
    Evidence.objects.bulk_create(Evidence(audit=audit, resource_id=f"https://example.test/{n}", check_name="tls_version", severity="high",
                                          status="FAIL" if n % 3 else "PASS", comment=f"Zeile {n}, größer") for n in range(40))

# A session, and an entry of the admin site's log.
group = Group.objects.create(name="auditors")
group.permissions.set(Permission.objects.filter(content_type__app_label="audits"))
ada.groups.add(group)
ada.user_permissions.add(Permission.objects.get(codename="add_organization"))
client = Client()
assert client.login(username="root", password=PASSWORD)
assert client.post("/admin/auth/group/add/", {"name": "billing"}).status_code == 302
assert Group.objects.filter(name="billing").exists()
