/* Promotion by pg_ctl on another host, through its agent. */
#include "base/std.h"
#include "core/text.h"
#include "flow/failover_int.h"

/* As well as what was said of SQL. */
static int
no_agent(struct failover *f, const struct err *why, struct err *e)
{
	char *first = f->self.no_means;
	int rc;

	if (f->self.no_agent) /* said by an earlier judgement */
		return 0;
	if (failover_keep(&f->self.no_means_hint, why->hint, e) == -1)
		return -1;
	f->self.no_agent = true;
	f->self.no_means = NULL;
	rc = failover_because(&f->self.no_means, e,
	    "%s%sits agent cannot be asked: %s", first != NULL ? first : "",
	    first != NULL ? ", and " : "", why->text);
	free(first);
	return rc;
}

int
failover_agent_choose(struct failover *f, struct err *e)
{
	struct operate_request q = {.verb = OPERATE_MAY};
	struct operate_answer a;
	struct err why = ERR_INIT;

	if (f->self.pgdata == NULL)
		return failover_because(&f->self.no_means, e,
		    "its data directory is not known, so that neither pg_ctl "
		    "nor its agent can be asked");
	/* A refusal must be known before the fence shoots. */
	if (failover_nodes_operate(f, f->node, &q, &a, FAILOVER_SSH_MS, &why) ==
	    -1)
		return no_agent(f, &why, e);
	operate_answer_free(&a);
	f->facts.means = MEANS_AGENT;
	return 0;
}

int
failover_agent_promote(struct failover *f, struct err *e)
{
	struct operate_request q = {.verb = OPERATE_PROMOTE};
	struct operate_answer a;
	struct buf text = BUF_INIT;
	int rc;

	rc = failover_nodes_operate(f, f->node, &q, &a, FAILOVER_PG_CTL_MS, e);
	/* Whatever went wrong then: it may have been done, or happen yet. */
	f->requested = a.sent;
	if (rc == -1)
		return -1;
	if (a.status != 0) {
		f->requested = a.status >= 128; /* else it was not asked */
		if (a.text != NULL)
			text_add_tail(&text, a.text, strlen(a.text), 5, "");
		rc = err_set(e, ERR_AGENT,
		    "the promotion by the agent ended with status %d",
		    a.status);
		(void)err_detail(e, "%s", buf_str(&text));
	}
	operate_answer_free(&a);
	buf_free(&text);
	return rc;
}
