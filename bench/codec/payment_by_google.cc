/* SPDX-License-Identifier: Apache-2.0 */
#include "payment_by_google.h"

#include <memory>
#include <string>

#include <google/protobuf/arena.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/type_resolver_util.h>

#include "payment.pb.h"

namespace pb = google::protobuf;

static std::string text;

/* What MessageToJsonString() does, of bytes whose maps are sorted. */
static bool write_sorted(const bench::Payment &payment)
{
	static const std::unique_ptr<pb::util::TypeResolver> resolver(
		pb::util::NewTypeResolverForDescriptorPool("type.googleapis.com",
			pb::DescriptorPool::generated_pool()));
	std::string sorted;
	{
		pb::io::StringOutputStream stream(&sorted);
		pb::io::CodedOutputStream out(&stream);

		out.SetSerializationDeterministic(true);
		if (!payment.SerializeToCodedStream(&out)) {
			return false;
		}
	}
	return pb::util::BinaryToJsonString(resolver.get(),
		"type.googleapis.com/bench.Payment", sorted, &text)
		.ok();
}

const char *payment_by_google(
	const void *data, size_t size, int is_sorted, size_t *ret_size)
{
	bench::Payment payment;

	text.clear();
	if (!payment.ParseFromArray(data, static_cast<int>(size)) ||
		!(is_sorted ? write_sorted(payment)
			    : pb::util::MessageToJsonString(payment, &text)
				      .ok())) {
		return nullptr;
	}
	*ret_size = text.size();
	return text.data();
}

static std::string sorted_bytes(const bench::Payment &payment)
{
	std::string bytes;
	pb::io::StringOutputStream stream(&bytes);
	pb::io::CodedOutputStream out(&stream);

	out.SetSerializationDeterministic(true);
	payment.SerializeToCodedStream(&out);
	out.Trim();
	return bytes;
}

int payment_in_by_google(const void *json, size_t size, const void *wire,
	size_t wire_size)
{
	bench::Payment payment, other;

	if (!pb::util::JsonStringToMessage(
		    pb::StringPiece(static_cast<const char *>(json), size),
		    &payment)
			.ok()) {
		return 0;
	}
	return wire == nullptr ||
		(other.ParseFromArray(wire, static_cast<int>(wire_size)) &&
			sorted_bytes(payment) == sorted_bytes(other));
}

int payment_parse_generated(const void *data, size_t size)
{
	static char block[1 << 16];
	static pb::Arena arena(block, sizeof(block));
	bool is_ok;

	is_ok = pb::Arena::CreateMessage<bench::Payment>(&arena)->ParseFromArray(
		data, static_cast<int>(size));
	arena.Reset();
	return is_ok;
}

/* As who has the descriptors alone: a pool of its own. */
static pb::Message *new_dynamic()
{
	static pb::DescriptorPool pool;
	static pb::DynamicMessageFactory factory(&pool);
	pb::FileDescriptorProto file;

	bench::Payment::descriptor()->file()->CopyTo(&file);
	return factory
		.GetPrototype(pool.BuildFile(file)->FindMessageTypeByName("Payment"))
		->New();
}

int payment_parse_dynamic(const void *data, size_t size)
{
	static pb::Message *message = new_dynamic();

	return message->ParseFromArray(data, static_cast<int>(size));
}
