import pytest


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# Keys: https://portal.speechmatics.com/api-keys", "# Keys: https://www.assemblyai.com/dashboard"),
        ('print("See docs.speechmatics.com.")', 'print("See https://www.assemblyai.com/docs.")'),
    ],
)
def test_a_page_for_people_becomes_the_page_of_assemblyai(rewritten, before, after):
    assert f"\n{after}\n" in rewritten(constants=f"LIMIT = 100\n{before}")


def test_an_address_that_the_program_may_open_stays(refused):
    assert "docs.speechmatics.com" in refused(
        constants='LIMIT = 100\nPAGE = "https://docs.speechmatics.com/"'
    )
