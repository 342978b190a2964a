from tests.vllm_fixtures import starter_endpoint, starter_profile, starter_server, vllm_settings

__all__ = ["starter_endpoint", "starter_profile", "starter_server", "vllm_settings"]
