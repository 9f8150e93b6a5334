/* SPDX-License-Identifier: Apache-2.0 */
#include "service.h"

#include <stdlib.h>
#include <string.h>

static dp_status open_hub(
	struct service *service, const char *dir, dp_error **err)
{
	char address[4096];
	dp_status st;

	snprintf(address, sizeof(address), "log:%s/hub", dir);
	st = dp_hub_open(&service->hub, service->rt, address, NULL, err);
	if (st != DP_OK) {
		return st;
	}
	snprintf(address, sizeof(address), "file:%s/registry", dir);
	return dp_registry_open(
		&service->registry, service->rt, address, NULL, err);
}

dp_status service_open(struct service *service, const char *dir,
	const char *name, dp_error **err)
{
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	char topic[128];
	char path[4096];
	dp_status st;

	memset(service, 0, sizeof(*service));
	service->name = name;
	snprintf(path, sizeof(path), "%s/ids.%s", dir, name);
	service->ids = fopen(path, "w");
	if (service->ids == NULL) {
		perror(path);
		return DP_EIO;
	}
	st = dp_runtime_new(&service->rt, NULL, err);
	if (st == DP_OK) {
		st = open_hub(service, dir, err);
	}
	if (st != DP_OK) {
		return st;
	}
	snprintf(topic, sizeof(topic), "ramp.%s", name);
	opts.topic = topic;
	opts.source = name;
	return dp_publisher_new(&service->pub, service->hub, &opts, err);
}

dp_status service_close(struct service *service, dp_error **err)
{
	dp_status st = dp_publisher_flush(service->pub, 60 * DP_SECOND, err);
	dp_publisher_stats stats = {.struct_size = sizeof(stats)};

	dp_publisher_get_stats(service->pub, &stats, NULL);
	dp_publisher_free(service->pub);
	dp_registry_close(service->registry);
	dp_hub_close(service->hub);
	dp_runtime_free(service->rt);
	if (fclose(service->ids) != 0 && st == DP_OK) {
		perror("ids");
		st = DP_EIO;
	}
	printf("%s: %llu events are durable\n", service->name,
		(unsigned long long)stats.succeeded);
	return st;
}

static void *read_file(const char *path, size_t *ret_size)
{
	FILE *file = fopen(path, "rb");
	void *data = malloc(1 << 20);

	*ret_size = 0;
	if (file != NULL && data != NULL) {
		*ret_size = fread(data, 1, 1 << 20, file);
	}
	if (*ret_size == 0) {
		perror(path);
	}
	if (file != NULL) {
		fclose(file);
	}
	return data;
}

dp_status service_register(struct service *service, const char *file,
	const char *type, char *schema, dp_error **err)
{
	dp_schema *newest = NULL;
	size_t size;
	void *set = read_file(file, &size);
	dp_status st = dp_registry_add(service->registry, set, size, NULL, err);

	free(set);
	if (st == DP_OK) {
		st = dp_registry_get(service->registry, &newest, type, 0, err);
	}
	if (st == DP_OK) {
		snprintf(schema, SCHEMA_SIZE, "dp:%s",
			dp_schema_fingerprint(newest));
		dp_schema_unref(newest);
	}
	return st;
}

dp_status service_publish_bytes(
	struct service *service, dp_event *ev, const char *fate, dp_error **err)
{
	char id[DP_ID_SIZE];
	dp_status st;

	ev->ret_id = id;
	st = dp_publisher_publish(service->pub, ev, DP_FOREVER, err);
	if (st == DP_OK) {
		fprintf(service->ids, "%s\t%s\t%s\n", id, ev->type, fate);
	}
	return st;
}

dp_status service_publish(struct service *service, dp_event *ev,
	const ProtobufCMessage *msg, dp_error **err)
{
	size_t size = protobuf_c_message_get_packed_size(msg);
	uint8_t *bytes = malloc(size + 1);
	dp_status st;

	if (bytes == NULL) {
		return DP_ENOMEM;
	}
	ev->type = msg->descriptor->name;
	ev->payload.data = bytes;
	ev->payload.size = protobuf_c_message_pack(msg, bytes);
	st = service_publish_bytes(service, ev, "parsed", err);
	free(bytes);
	return st;
}

int service_failed(const struct service *service, dp_error *err)
{
	fprintf(stderr, "%s: %s\n", service->name, dp_error_message(err));
	dp_error_free(err);
	return 1;
}
