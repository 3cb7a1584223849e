"""How containers are confined: users, capabilities, profiles, labels.

Source: k8s.io/api/core/v1/types.go.
"""

from genericapiserver.apimachinery.types import Int64, api_type, field

MODEL_PACKAGE = "io.k8s.api.core.v1"


@api_type
class Capabilities:
    """Capabilities are POSIX capabilities to add and to drop."""

    add: list[str] = field(factory=list, list_type="atomic", doc="Those to add.")
    drop: list[str] = field(factory=list, list_type="atomic", doc="Those to drop.")


@api_type
class SELinuxOptions:
    """SELinuxOptions are the SELinux labels of a container."""

    user: str = field(default="", doc="The SELinux user.")
    role: str = field(default="", doc="The SELinux role.")
    type: str = field(default="", doc="The SELinux type.")
    level: str = field(default="", doc="The SELinux level.")


@api_type
class WindowsSecurityContextOptions:
    """WindowsSecurityContextOptions are security settings that only Windows has."""

    gmsa_credential_spec_name: str | None = field(default=None, doc="The name of the GMSA credential spec.")
    gmsa_credential_spec: str | None = field(default=None, doc="The GMSA credential spec itself.")
    run_as_user_name: str | None = field(default=None, doc="The name of the user of the first process.")
    host_process: bool | None = field(default=None, doc="Whether it runs beside the processes of the node.")


@api_type
class SeccompProfile:
    """SeccompProfile says which system calls are allowed."""

    type: str = field(
        enum=["Unconfined", "RuntimeDefault", "Localhost"], doc="Unconfined, RuntimeDefault or Localhost."
    )
    localhost_profile: str | None = field(default=None, doc="The name of the profile on the node, for Localhost.")


@api_type
class AppArmorProfile:
    """AppArmorProfile says which AppArmor profile is used."""

    type: str = field(
        enum=["Unconfined", "RuntimeDefault", "Localhost"], doc="Unconfined, RuntimeDefault or Localhost."
    )
    localhost_profile: str | None = field(default=None, doc="The name of the profile on the node, for Localhost.")


@api_type
class SecurityContext:
    """SecurityContext is how a container is confined; it goes before that of the pod."""

    capabilities: Capabilities | None = field(default=None, doc="Capabilities to add and to drop.")
    privileged: bool | None = field(default=None, doc="Whether the container is as powerful as root on the node.")
    se_linux_options: SELinuxOptions | None = field(default=None, doc="Its SELinux labels.")
    windows_options: WindowsSecurityContextOptions | None = field(default=None, number=10, doc="What only Windows has.")
    run_as_user: Int64 | None = field(default=None, number=4, doc="The user ID of its first process.")
    run_as_group: Int64 | None = field(default=None, number=8, doc="The group ID of its first process.")
    run_as_non_root: bool | None = field(default=None, number=5, doc="Whether it must not start as root.")
    read_only_root_filesystem: bool | None = field(
        default=None, number=6, doc="Whether its own file system is read-only."
    )
    allow_privilege_escalation: bool | None = field(
        default=None, number=7, doc="Whether a process can gain more rights than its parent has."
    )
    proc_mount: str | None = field(
        default=None, enum=["Default", "Unmasked"], number=9, doc="Default, or Unmasked to show all of /proc."
    )
    seccomp_profile: SeccompProfile | None = field(default=None, doc="Which system calls are allowed.")
    app_armor_profile: AppArmorProfile | None = field(default=None, doc="The AppArmor profile that is used.")
