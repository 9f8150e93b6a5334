/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists the events that jobs gave up on: topic, id, type, cause, how often it
 * was tried, and what the job said; tabs between them.
 *
 * usage: dead_letters DIR
 */
#include <stdio.h>
#include <unistd.h>

#include <datapipe/datapipe.h>

/* Reading takes no longer than this when there is nothing more. */
#define WAIT (200 * DP_MILLISECOND)

static void print_attribute(const dp_message *msg, const char *name)
{
	dp_bytes value = dp_message_attribute_by_name(msg, name);

	printf("\t%.*s", (int)value.size, (const char *)value.data);
}

static void print_letter(const dp_message *msg)
{
	char id[DP_ID_SIZE];

	dp_message_id(msg, id);
	printf("%s\t%s", dp_message_topic(msg), id);
	print_attribute(msg, "type");
	print_attribute(msg, "dpcause");
	print_attribute(msg, "dpattempts");
	print_attribute(msg, "dpmessage");
	printf("\n");
}

/* Whether there are letters that were not handed over. */
static int has_more(dp_subscription *sub)
{
	dp_subscription_stats stats = {.struct_size = sizeof(stats)};

	return dp_subscription_get_stats(sub, &stats, NULL) == DP_OK &&
		stats.backlog_events > stats.outstanding_events;
}

/*
 * Acks nothing: what nobody is left to read may go, and letters are for
 * whoever mends and publishes them again.
 */
static dp_status print_all(dp_subscription *sub, dp_error **err)
{
	for (;;) {
		dp_batch *batch = NULL;
		dp_status st =
			dp_subscription_pull(sub, &batch, 1000, WAIT, err);
		size_t i;

		if (st == DP_ETIMEDOUT) {
			dp_error_free(*err);
			*err = NULL;
			if (!has_more(sub)) {
				return DP_OK;
			}
			continue;
		}
		if (st != DP_OK) {
			return st;
		}
		for (i = 0; i < dp_batch_count(batch); i++) {
			print_letter(dp_batch_message(batch, i));
		}
		dp_batch_unref(batch);
	}
}

/* A subscription for this run only, so that each run shows all of them. */
static dp_status list(dp_hub *hub, dp_error **err)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub = NULL;
	char name[64];
	dp_status st;

	snprintf(name, sizeof(name), "dead_letters.%ld", (long)getpid());
	opts.topics = "*.dead";
	opts.ack_deadline_ns = DP_FOREVER;
	opts.outstanding_events = UINT32_MAX;
	opts.outstanding_bytes = UINT64_MAX;
	st = dp_subscription_open(&sub, hub, name, &opts, err);
	if (st != DP_OK) {
		return st;
	}
	st = print_all(sub, err);
	dp_subscription_close(sub);
	if (st == DP_OK) {
		st = dp_subscription_delete(hub, name, err);
	}
	return st;
}

int main(int argc, char **argv)
{
	dp_runtime *rt = NULL;
	dp_hub *hub = NULL;
	dp_error *err = NULL;
	char address[4096];

	if (argc != 2) {
		fprintf(stderr, "usage: dead_letters DIR\n");
		return 2;
	}
	snprintf(address, sizeof(address), "log:%s/hub", argv[1]);
	if (dp_runtime_new(&rt, NULL, &err) != DP_OK ||
		dp_hub_open(&hub, rt, address, NULL, &err) != DP_OK ||
		list(hub, &err) != DP_OK) {
		fprintf(stderr, "dead_letters: %s\n", dp_error_message(err));
		dp_error_free(err);
		return 1;
	}
	dp_hub_close(hub);
	dp_runtime_free(rt);
	return 0;
}
