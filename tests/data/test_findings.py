import pickle

from lendplan.data.findings import LISTED, Finding, InputError, did_you_mean, listed, shown


def test_a_finding_reads_file_line_key_message():
    assert str(Finding("is no number", file="book.csv", line=17, key="line_max")) == (
        "book.csv:17: line_max: is no number"
    )


def test_a_scenario_finding_has_its_column_too():
    finding = Finding("unknown key", file="s.yaml", line=3, key="lines.mx", column=5)
    assert str(finding) == "s.yaml:3:5: lines.mx: unknown key"


def test_parts_that_are_not_known_leave_no_trace():
    assert str(Finding("is empty", file="a.csv")) == "a.csv: is empty"
    assert str(Finding("is empty", key="rates")) == "rates: is empty"
    assert str(Finding("is empty")) == "is empty"


def test_an_error_lists_all_up_to_a_cap():
    error = InputError(Finding(f"fault {number}") for number in range(LISTED + 1234))
    lines = str(error).splitlines()
    assert len(error.findings) == LISTED + 1234
    assert lines[0] == "fault 0"
    assert lines[-1] == "… and 1,234 more"


def test_an_error_survives_the_way_between_processes():
    error = InputError([Finding("a", "f", 1), Finding("b")])
    again = pickle.loads(pickle.dumps(error))
    assert again.findings == error.findings
    assert str(again) == str(error)


def test_one_finding_needs_no_list():
    assert InputError(Finding("a")).findings == (Finding("a"),)


def test_remedies():
    assert did_you_mean("line_mx", ["line_min", "line_max"]) == "; did you mean 'line_max'?"
    assert did_you_mean("Grade", ["grade"]) == "; did you mean 'grade'?"
    assert did_you_mean("xyz", ["line_max"]) == ""
    assert did_you_mean("S0001", ["S0001"]) == ""
    assert shown("x" * 100) == repr("x" * 39 + "…")
    assert listed([1, 2, 3], 2) == "1, 2 and 1 more"
