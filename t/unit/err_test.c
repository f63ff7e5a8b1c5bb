/* base/err.h: the first cause wins, texts are cut, names are one to one. */
#include "base/std.h"
#include "base/err.h"

#include <setjmp.h>

#include <cmocka.h>

static void
the_first_cause_is_kept(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_false(err_is_set(&e));
	assert_int_equal(
	    err_set(&e, ERR_SLOT, "slot \"%s\" is active", "a"), -1);
	assert_int_equal(err_detail(&e, "Process %d.", 7), -1);
	assert_int_equal(err_set(&e, ERR_IO, "second"), -1);
	errno = EIO;
	assert_int_equal(err_set_errno(&e, ERR_IO, "third"), -1);
	assert_int_equal(err_set_signal(&e, 2), -1);
	assert_int_equal(err_set_nomem(&e), -1);
	assert_int_equal(e.code, ERR_SLOT);
	assert_int_equal(e.status, STATUS_REFUSED);
	assert_string_equal(e.text, "slot \"a\" is active");
	assert_string_equal(e.detail, "Process 7.");
	assert_string_equal(e.hint, "");
	assert_true(err_is_set(&e));
}

static void
no_error_struct_is_fine(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, ERR_IO, "x"), -1);
	assert_int_equal(err_set_errno(NULL, ERR_IO, "x"), -1);
	assert_int_equal(err_set_signal(NULL, 15), -1);
	assert_int_equal(err_set_nomem(NULL), -1);
	assert_int_equal(err_wrap(NULL, "x"), -1);
	assert_int_equal(err_detail(NULL, "x"), -1);
	assert_int_equal(err_hint(NULL, "x"), -1);
	err_raise(NULL, 7);
	err_clear(NULL);
	assert_false(err_is_set(NULL));
}

static void
nothing_is_added_to_an_error_that_is_not_set(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(err_wrap(&e, "context"), -1);
	assert_int_equal(err_detail(&e, "Detail."), -1);
	assert_int_equal(err_hint(&e, "Hint."), -1);
	assert_int_equal(err_command(&e, "true"), -1);
	err_raise(&e, STATUS_INCOMPLETE);
	assert_int_equal(e.status, 0);
	assert_string_equal(e.text, "");
	assert_string_equal(e.detail, "");
	assert_string_equal(e.hint, "");
}

static void
context_goes_in_front_and_sentences_behind(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	errno = EACCES;
	(void)err_set_errno(&e, ERR_TARGET_IO, "open \"%s\"", "base/1");
	(void)err_wrap(&e, "copy %d", 3);
	(void)err_wrap(&e, "clone");
	(void)err_hint(&e, "One.");
	(void)err_hint(&e, "Two.");
	(void)err_detail(&e, "A.");
	(void)err_detail(&e, "B.");
	assert_string_equal(
	    e.text, "clone: copy 3: open \"base/1\": Permission denied");
	assert_string_equal(e.hint, "One. Two.");
	assert_string_equal(e.detail, "A. B.");
	err_clear(&e);
	assert_false(err_is_set(&e));
	assert_string_equal(e.text, "");
	assert_string_equal(e.hint, "");
}

static void
a_command_ends_its_line(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(err_command(NULL, "true"), -1);
	(void)err_set(&e, ERR_IO, "x");
	(void)err_hint(&e, "Here is why. Type:");
	assert_int_equal(err_command(&e, "rm '%s'", "/a b"), -1);
	assert_string_equal(e.hint, "Here is why. Type: rm '/a b'");
	(void)err_command(&e, "sync");
	(void)err_hint(&e, "Then");
	(void)err_hint(&e, "wait.");
	assert_string_equal(
	    e.hint, "Here is why. Type: rm '/a b'\nsync\nThen wait.");
	/* Nothing of it is left for another one. */
	(void)err_command(&e, "true");
	err_clear(&e);
	(void)err_set(&e, ERR_IO, "x");
	(void)err_hint(&e, "A.");
	(void)err_hint(&e, "B.");
	assert_string_equal(e.hint, "A. B.");
}

static void
a_value_does_not_end_a_line(void **state)
{
	struct err e = ERR_INIT;
	char big[8] = "a\nb\nc", none[] = "abc";

	(void)state;
	(void)err_set(&e, ERR_SETTING, "no \"%s\"", "a\nerror: b");
	(void)err_wrap(&e, "%s", "x\ny");
	(void)err_hint(&e, "Make \"%s\".", "c\nd");
	(void)err_hint(&e, "And so.");
	(void)err_detail(&e, "In \"%s\".", "e\nf");
	assert_string_equal(e.text, "x\\012y: no \"a\\012error: b\"");
	assert_string_equal(e.hint, "Make \"c\\012d\". And so.");
	assert_string_equal(e.detail, "In \"e\\012f\".");
	/* Ours are in the format; or the whole is handed on. */
	(void)err_detail(&e, "It said:\n%s", "  g\n  h");
	(void)err_detail(&e, "%s", "i\nj");
	assert_string_equal(
	    e.detail, "In \"e\\012f\". It said:\n  g\n  h i\nj");
	err_one_line(big, sizeof(big));
	assert_string_equal(big, "a\\012b");
	err_one_line(none, sizeof(none));
	assert_string_equal(none, "abc");
}

static void
texts_that_are_too_long_are_cut(void **state)
{
	struct err e = ERR_INIT;
	char big[5000];

	(void)state;
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	errno = EIO;
	(void)err_set_errno(&e, ERR_IO, "%s", big);
	(void)err_wrap(&e, "%s", big);
	for (int i = 0; i < 3; i++) {
		(void)err_detail(&e, "%s", big);
		(void)err_hint(&e, "%s", big);
	}
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	assert_int_equal(strlen(e.detail), sizeof(e.detail) - 1);
	assert_int_equal(strlen(e.hint), sizeof(e.hint) - 1);
}

static void
a_sentence_that_just_fits_leaves_no_overflow(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	for (size_t n = sizeof(e.hint) - 3; n < sizeof(e.hint) + 2; n++) {
		err_clear(&e);
		(void)err_set(&e, ERR_IO, "x");
		(void)err_hint(&e, "%*s", (int)n, "a");
		(void)err_hint(&e, "bc");
		assert_true(strlen(e.hint) < sizeof(e.hint));
	}
}

static void
errno_survives(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	errno = ENOSPC;
	(void)err_set(&e, ERR_IO, "x");
	assert_int_equal(errno, ENOSPC);
	(void)err_wrap(&e, "y");
	assert_int_equal(errno, ENOSPC);
	err_clear(&e);
	(void)err_set_errno(&e, ERR_IO, "z");
	assert_int_equal(errno, ENOSPC);
	assert_string_equal(e.text, "z: No space left on device");
}

static void
a_signal_is_128_and_its_number(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	(void)err_set_signal(&e, 15);
	assert_int_equal(e.code, ERR_INTERRUPTED);
	assert_int_equal(e.status, 143);
	assert_non_null(strstr(e.text, "15"));
}

static void
the_status_can_be_raised(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	(void)err_set(&e, ERR_SQL, "x");
	assert_int_equal(e.status, STATUS_DATABASE);
	err_raise(&e, STATUS_INCOMPLETE);
	assert_int_equal(e.status, 7);
	assert_int_equal(e.code, ERR_SQL);
}

static void
every_code_has_a_name_of_its_own_and_a_status(void **state)
{
	(void)state;
	for (int i = 0; i < ERR_NCODES; i++) {
		const char *name = err_name((enum err_code)i);
		struct err e = ERR_INIT;

		assert_int_equal(
		    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-"),
		    strlen(name));
		assert_int_equal(err_code_of(name), i);
		(void)err_set(&e, (enum err_code)i, "x");
		assert_true(i == ERR_NONE ? e.status == 0 : e.status > 0);
	}
}

static void
foreign_names_and_codes_are_internal_errors(void **state)
{
	(void)state;
	assert_int_equal(err_code_of("no-such-thing"), ERR_INTERNAL);
	assert_int_equal(err_code_of(""), ERR_INTERNAL);
	assert_string_equal(err_name(ERR_NCODES), "internal");
	assert_string_equal(err_name((enum err_code) - 1), "internal");
}

/* cli.md section 1: what scripts rely on. */
static void
the_names_and_statuses_of_the_contract(void **state)
{
	static const struct {
		enum err_code code;
		const char *want;
	} t[] = {
	    {ERR_USAGE, "usage 2"},
	    {ERR_CONFIG, "configuration 2"},
	    {ERR_ROOT, "run-as-root 3"},
	    {ERR_TARGET_RUNNING, "target-running 3"},
	    {ERR_MAX_DELETE, "max-delete 3"},
	    {ERR_SYMLINK, "symlink 3"},
	    {ERR_DB_CONNECT, "db-connect 4"},
	    {ERR_BACKUP_LOST, "backup-lost 4"},
	    {ERR_SSH_HOSTKEY, "ssh-hostkey 5"},
	    {ERR_PROTOCOL, "protocol 5"},
	    {ERR_DAMAGED_PAGES, "damaged-pages 5"},
	    {ERR_TRANSFER, "transfer 5"},
	    {ERR_TIMEOUT, "timeout 6"},
	    {ERR_WAL_MISSING, "wal-missing 7"},
	    {ERR_NOT_STREAMING, "not-streaming 7"},
	};
	char got[64];

	(void)state;
	for (size_t i = 0; i < NELEM(t); i++) {
		struct err e = ERR_INIT;

		(void)err_set(&e, t[i].code, "x");
		(void)snprintf(
		    got, sizeof(got), "%s %d", err_name(e.code), e.status);
		assert_string_equal(got, t[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_first_cause_is_kept),
	    cmocka_unit_test(no_error_struct_is_fine),
	    cmocka_unit_test(nothing_is_added_to_an_error_that_is_not_set),
	    cmocka_unit_test(context_goes_in_front_and_sentences_behind),
	    cmocka_unit_test(a_command_ends_its_line),
	    cmocka_unit_test(a_value_does_not_end_a_line),
	    cmocka_unit_test(texts_that_are_too_long_are_cut),
	    cmocka_unit_test(a_sentence_that_just_fits_leaves_no_overflow),
	    cmocka_unit_test(errno_survives),
	    cmocka_unit_test(a_signal_is_128_and_its_number),
	    cmocka_unit_test(the_status_can_be_raised),
	    cmocka_unit_test(every_code_has_a_name_of_its_own_and_a_status),
	    cmocka_unit_test(foreign_names_and_codes_are_internal_errors),
	    cmocka_unit_test(the_names_and_statuses_of_the_contract),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
