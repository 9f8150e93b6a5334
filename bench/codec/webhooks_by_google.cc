/* SPDX-License-Identifier: Apache-2.0 */
#include "webhooks_by_google.h"

#include <map>
#include <memory>
#include <string>

#include <google/protobuf/arena.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/util/json_util.h>

#include "webhooks.pb.h"

namespace pb = google::protobuf;

struct webhook_type {
	const pb::Message *generated;
	std::unique_ptr<pb::Message> parsed;
	std::unique_ptr<pb::Message> dynamic;
};

/* The pool of who has the descriptors alone has all that they import. */
static void copy_file(const pb::FileDescriptor *file, pb::DescriptorPool *pool)
{
	pb::FileDescriptorProto copy;

	if (pool->FindFileByName(file->name()) != nullptr) {
		return;
	}
	for (int i = 0; i < file->dependency_count(); i++) {
		copy_file(file->dependency(i), pool);
	}
	file->CopyTo(&copy);
	pool->BuildFile(copy);
}

static webhook_type make_type(const pb::Descriptor *found)
{
	static pb::DescriptorPool pool;
	static pb::DynamicMessageFactory factory(&pool);
	webhook_type type;

	copy_file(found->file(), &pool);
	type.generated =
		pb::MessageFactory::generated_factory()->GetPrototype(found);
	type.parsed.reset(type.generated->New());
	type.dynamic.reset(factory
			.GetPrototype(pool.FindMessageTypeByName(
				found->full_name()))
			->New());
	return type;
}

const webhook_type *webhook_type_find(const char *name)
{
	/* Never freed: its messages must not outlive their factory. */
	static auto &types = *new std::map<std::string, webhook_type>;
	const pb::Descriptor *found =
		pb::DescriptorPool::generated_pool()->FindMessageTypeByName(
			name);
	auto at = types.find(name);

	/* Names it, so that the linker keeps its descriptors. */
	(void)github::v1::PushEvent::descriptor();
	if (found == nullptr) {
		return nullptr;
	}
	if (at == types.end()) {
		at = types.emplace(name, make_type(found)).first;
	}
	return &at->second;
}

int webhook_parse_generated(
	const webhook_type *type, const void *data, size_t size)
{
	static char block[1 << 20];
	static pb::Arena arena(block, sizeof(block));
	bool is_ok = type->generated->New(&arena)->ParseFromArray(
		data, static_cast<int>(size));

	arena.Reset();
	return is_ok;
}

int webhook_parse_dynamic(
	const webhook_type *type, const void *data, size_t size)
{
	return type->dynamic->ParseFromArray(data, static_cast<int>(size));
}

size_t webhook_to_json(const webhook_type *type, const void *data, size_t size)
{
	static std::string text;

	text.clear();
	return type->parsed->ParseFromArray(data, static_cast<int>(size)) &&
			pb::util::MessageToJsonString(*type->parsed, &text).ok()
		? text.size()
		: 0;
}

size_t webhook_from_json(
	const webhook_type *type, const void *json, size_t size)
{
	static std::string bytes;
	pb::StringPiece text(static_cast<const char *>(json), size);

	type->parsed->Clear();
	return pb::util::JsonStringToMessage(text, type->parsed.get()).ok() &&
			type->parsed->SerializeToString(&bytes)
		? bytes.size()
		: 0;
}
