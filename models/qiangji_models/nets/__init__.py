"""Network definitions; the only place below training where torch may be imported."""
