/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where each field of a public struct is since 0.1, on 64-bit systems. A line
 * here never changes once it was in a release: append a field, add a line.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <datapipe/datapipe.h>
#include <datapipe/ext/sink.h>

#define SIZE(type, bytes) \
	_Static_assert(sizeof(type) == (bytes), "size of " #type)
#define AT(type, field, bytes) \
	_Static_assert(offsetof(type, field) == (bytes), #type "." #field)

#if defined(__LP64__)

SIZE(dp_allocator, 24);
AT(dp_allocator, user, 0);
AT(dp_allocator, alloc, 8);
AT(dp_allocator, free, 16);

SIZE(dp_bytes, 16);
AT(dp_bytes, data, 0);
AT(dp_bytes, size, 8);

SIZE(dp_attribute, 16);
AT(dp_attribute, name, 0);
AT(dp_attribute, value, 8);

SIZE(dp_codec_options, 40);
AT(dp_codec_options, struct_size, 0);
AT(dp_codec_options, json, 8);
AT(dp_codec_options, limit_bytes, 16);
AT(dp_codec_options, fields, 24);
AT(dp_codec_options, field_count, 32);

SIZE(dp_compat_finding, 48);
AT(dp_compat_finding, struct_size, 0);
AT(dp_compat_finding, rule, 8);
AT(dp_compat_finding, path, 16);
AT(dp_compat_finding, before, 24);
AT(dp_compat_finding, after, 32);
AT(dp_compat_finding, breaks, 40);
AT(dp_compat_finding, number, 44);

SIZE(dp_sqlite_recovery_report, 56);
AT(dp_sqlite_recovery_report, struct_size, 0);
AT(dp_sqlite_recovery_report, rows, 8);
AT(dp_sqlite_recovery_report, filled, 16);
AT(dp_sqlite_recovery_report, left, 24);
AT(dp_sqlite_recovery_report, refused, 32);
AT(dp_sqlite_recovery_report, refusal, 40);
AT(dp_sqlite_recovery_report, is_done, 48);

SIZE(dp_event, 136);
AT(dp_event, struct_size, 0);
AT(dp_event, type, 8);
AT(dp_event, payload, 16);
AT(dp_event, key, 32);
AT(dp_event, id, 40);
AT(dp_event, ret_id, 48);
AT(dp_event, source, 56);
AT(dp_event, subject, 64);
AT(dp_event, datacontenttype, 72);
AT(dp_event, dataschema, 80);
AT(dp_event, traceparent, 88);
AT(dp_event, tracestate, 96);
AT(dp_event, time, 104);
AT(dp_event, attributes, 112);
AT(dp_event, attribute_count, 120);
AT(dp_event, tag, 128);

SIZE(dp_evolution_step, 56);
AT(dp_evolution_step, struct_size, 0);
AT(dp_evolution_step, column, 8);
AT(dp_evolution_step, before, 16);
AT(dp_evolution_step, type, 24);
AT(dp_evolution_step, type_before, 32);
AT(dp_evolution_step, sql, 40);
AT(dp_evolution_step, action, 48);
AT(dp_evolution_step, number, 52);

SIZE(dp_position, 24);
AT(dp_position, topic, 0);
AT(dp_position, partition, 8);
AT(dp_position, reserved, 12);
AT(dp_position, next, 16);

SIZE(dp_sink_context, 24);
AT(dp_sink_context, struct_size, 0);
AT(dp_sink_context, rt, 8);
AT(dp_sink_context, job, 16);

SIZE(dp_sink_ops, 72);
AT(dp_sink_ops, struct_size, 0);
AT(dp_sink_ops, abi, 8);
AT(dp_sink_ops, caps, 12);
AT(dp_sink_ops, name, 16);
AT(dp_sink_ops, open, 24);
AT(dp_sink_ops, positions, 32);
AT(dp_sink_ops, write, 40);
AT(dp_sink_ops, flush, 48);
AT(dp_sink_ops, close, 56);
AT(dp_sink_ops, reset, 64);

SIZE(dp_hub_options, 56);
AT(dp_hub_options, struct_size, 0);
AT(dp_hub_options, segment_bytes, 8);
AT(dp_hub_options, retention_bytes, 16);
AT(dp_hub_options, retention_ns, 24);
AT(dp_hub_options, retention_forced, 32);
AT(dp_hub_options, full_policy, 36);
AT(dp_hub_options, partitions_max, 40);
AT(dp_hub_options, sync_interval_ns, 48);

SIZE(dp_hub_stats, 88);
AT(dp_hub_stats, struct_size, 0);
AT(dp_hub_stats, appended_events, 8);
AT(dp_hub_stats, appended_bytes, 16);
AT(dp_hub_stats, syncs, 24);
AT(dp_hub_stats, corrupt_events, 32);
AT(dp_hub_stats, corrupt_bytes, 40);
AT(dp_hub_stats, torn_bytes, 48);
AT(dp_hub_stats, dropped_events, 56);
AT(dp_hub_stats, cursor_rewinds, 64);
AT(dp_hub_stats, topics, 72);
AT(dp_hub_stats, disk_bytes, 80);

SIZE(dp_subscription_options, 48);
AT(dp_subscription_options, struct_size, 0);
AT(dp_subscription_options, topics, 8);
AT(dp_subscription_options, ack_deadline_ns, 16);
AT(dp_subscription_options, outstanding_events, 24);
AT(dp_subscription_options, outstanding_bytes, 32);
AT(dp_subscription_options, start, 40);
AT(dp_subscription_options, read_level, 44);

SIZE(dp_subscription_stats, 72);
AT(dp_subscription_stats, struct_size, 0);
AT(dp_subscription_stats, delivered_events, 8);
AT(dp_subscription_stats, redelivered_events, 16);
AT(dp_subscription_stats, acked_events, 24);
AT(dp_subscription_stats, outstanding_events, 32);
AT(dp_subscription_stats, backlog_events, 40);
AT(dp_subscription_stats, system_lag_ns, 48);
AT(dp_subscription_stats, skipped_runs, 56);
AT(dp_subscription_stats, skipped_bytes, 64);

SIZE(dp_job_options, 64);
AT(dp_job_options, struct_size, 0);
AT(dp_job_options, dead_topic, 8);
AT(dp_job_options, target, 16);
AT(dp_job_options, attempts_max, 24);
AT(dp_job_options, batch_events, 28);
AT(dp_job_options, flush_interval_ns, 32);
AT(dp_job_options, flush_bytes, 40);
AT(dp_job_options, retry_first_ns, 48);
AT(dp_job_options, retry_max_ns, 56);

SIZE(dp_job_report, 104);
AT(dp_job_report, struct_size, 0);
AT(dp_job_report, name, 8);
AT(dp_job_report, state, 16);
AT(dp_job_report, last_status, 20);
AT(dp_job_report, in_events, 24);
AT(dp_job_report, delivered_events, 32);
AT(dp_job_report, dead_events, 40);
AT(dp_job_report, dropped_events, 48);
AT(dp_job_report, repeat_events, 56);
AT(dp_job_report, ambiguous_events, 64);
AT(dp_job_report, left_events, 72);
AT(dp_job_report, retries, 80);
AT(dp_job_report, system_lag_ns, 88);
AT(dp_job_report, last_error, 96);

SIZE(dp_publisher_options, 88);
AT(dp_publisher_options, struct_size, 0);
AT(dp_publisher_options, topic, 8);
AT(dp_publisher_options, source, 16);
AT(dp_publisher_options, ack, 24);
AT(dp_publisher_options, flags, 28);
AT(dp_publisher_options, limit_events, 32);
AT(dp_publisher_options, limit_bytes, 40);
AT(dp_publisher_options, payload_bytes, 48);
AT(dp_publisher_options, linger_ns, 56);
AT(dp_publisher_options, batch_bytes, 64);
AT(dp_publisher_options, on_completion, 72);
AT(dp_publisher_options, user, 80);

SIZE(dp_publisher_stats, 56);
AT(dp_publisher_stats, struct_size, 0);
AT(dp_publisher_stats, accepted, 8);
AT(dp_publisher_stats, succeeded, 16);
AT(dp_publisher_stats, failed, 24);
AT(dp_publisher_stats, pending, 32);
AT(dp_publisher_stats, refused, 40);
AT(dp_publisher_stats, wakeups, 48);

SIZE(dp_registry_options, 16);
AT(dp_registry_options, struct_size, 0);
AT(dp_registry_options, refresh_ns, 8);

SIZE(dp_registry_add_options, 24);
AT(dp_registry_add_options, struct_size, 0);
AT(dp_registry_add_options, types, 8);
AT(dp_registry_add_options, type_count, 16);

SIZE(dp_rule, 64);
AT(dp_rule, struct_size, 0);
AT(dp_rule, topic, 8);
AT(dp_rule, type, 16);
AT(dp_rule, source, 24);
AT(dp_rule, attribute, 32);
AT(dp_rule, value, 40);
AT(dp_rule, to, 48);
AT(dp_rule, flags, 56);

SIZE(dp_log_record, 40);
AT(dp_log_record, struct_size, 0);
AT(dp_log_record, level, 8);
AT(dp_log_record, message_id, 12);
AT(dp_log_record, module, 16);
AT(dp_log_record, object, 24);
AT(dp_log_record, text, 32);

SIZE(dp_runtime_options, 40);
AT(dp_runtime_options, struct_size, 0);
AT(dp_runtime_options, allocator, 8);
AT(dp_runtime_options, log, 16);
AT(dp_runtime_options, log_user, 24);
AT(dp_runtime_options, log_level, 32);

SIZE(dp_completion, 16);
AT(dp_completion, tag, 0);
AT(dp_completion, status, 8);
AT(dp_completion, reserved, 12);

SIZE(dp_file_sink_options, 56);
AT(dp_file_sink_options, struct_size, 0);
AT(dp_file_sink_options, destination, 8);
AT(dp_file_sink_options, compression, 16);
AT(dp_file_sink_options, open_max, 20);
AT(dp_file_sink_options, open_bytes, 24);
AT(dp_file_sink_options, file_bytes, 32);
AT(dp_file_sink_options, registry, 40);
AT(dp_file_sink_options, format, 48);

SIZE(dp_confluent_prefix, 136);
AT(dp_confluent_prefix, id, 0);
AT(dp_confluent_prefix, depth, 4);
AT(dp_confluent_prefix, indexes, 8);

SIZE(dp_proto_source, 24);
AT(dp_proto_source, name, 0);
AT(dp_proto_source, text, 8);

SIZE(dp_confluent_options, 48);
AT(dp_confluent_options, struct_size, 0);
AT(dp_confluent_options, authorization, 8);
AT(dp_confluent_options, timeout_ns, 16);
AT(dp_confluent_options, answer_bytes, 24);
AT(dp_confluent_options, compile, 32);
AT(dp_confluent_options, user, 40);

SIZE(dp_confluent_report, 24);
AT(dp_confluent_report, subjects, 0);
AT(dp_confluent_report, versions, 8);
AT(dp_confluent_report, skipped, 16);

SIZE(dp_sqlite_sink_options, 16);
AT(dp_sqlite_sink_options, struct_size, 0);
AT(dp_sqlite_sink_options, table, 8);
#endif

/* An initializer says the size, and leaves the rest to the defaults. */
#define INIT_IS_DEFAULT(type, init, first) \
	do { \
		static const type made = init; \
		static const char zeros[sizeof(type)]; \
		if (made.struct_size != sizeof(type) || \
			memcmp((const char *)&made + (first), zeros + (first), \
				sizeof(type) - (first)) != 0) { \
			fprintf(stderr, #init " sets more than the size\n"); \
			bad++; \
		} \
	} while (0)

int main(void)
{
	int bad = 0;

	INIT_IS_DEFAULT(
		dp_codec_options, DP_CODEC_OPTIONS_INIT, sizeof(size_t));
	INIT_IS_DEFAULT(dp_event, DP_EVENT_INIT, sizeof(size_t));
	INIT_IS_DEFAULT(dp_confluent_options, DP_CONFLUENT_OPTIONS_INIT,
		sizeof(size_t));
	INIT_IS_DEFAULT(dp_file_sink_options, DP_FILE_SINK_OPTIONS_INIT,
		sizeof(size_t));
	INIT_IS_DEFAULT(dp_hub_options, DP_HUB_OPTIONS_INIT, sizeof(size_t));
	INIT_IS_DEFAULT(dp_job_options, DP_JOB_OPTIONS_INIT, sizeof(size_t));
	INIT_IS_DEFAULT(dp_publisher_options, DP_PUBLISHER_OPTIONS_INIT,
		sizeof(size_t));
	INIT_IS_DEFAULT(dp_registry_add_options, DP_REGISTRY_ADD_OPTIONS_INIT,
		sizeof(size_t));
	INIT_IS_DEFAULT(
		dp_registry_options, DP_REGISTRY_OPTIONS_INIT, sizeof(size_t));
	INIT_IS_DEFAULT(dp_rule, DP_RULE_INIT, sizeof(size_t));
	INIT_IS_DEFAULT(
		dp_runtime_options, DP_RUNTIME_OPTIONS_INIT, sizeof(size_t));
	INIT_IS_DEFAULT(
		dp_sink_ops, DP_SINK_OPS_INIT, offsetof(dp_sink_ops, caps));
	INIT_IS_DEFAULT(dp_sqlite_sink_options, DP_SQLITE_SINK_OPTIONS_INIT,
		sizeof(size_t));
	INIT_IS_DEFAULT(dp_subscription_options, DP_SUBSCRIPTION_OPTIONS_INIT,
		sizeof(size_t));
	return bad != 0;
}
