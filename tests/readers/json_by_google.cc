/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encode_json by Google's C++: what MessageToJsonString() does of a dynamic
 * message, with maps in the order of their keys.
 */
#include <cstdint>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/type_resolver_util.h>

namespace pb = google::protobuf;

enum { FIELD_NAMES = 1, ENUM_NUMBERS = 4 };

static std::string input;
static size_t input_at;

static uint32_t get_number()
{
	uint32_t value = 0;

	for (size_t i = 0; i < 4; i++) {
		value |= static_cast<uint32_t>(static_cast<uint8_t>(
				 input.at(input_at + i)))
			<< 8 * i;
	}
	input_at += 4;
	return value;
}

static std::string get_text()
{
	uint32_t size = get_number();
	std::string text = input.substr(input_at, size);

	input_at += size;
	return text;
}

static void put_number(uint32_t value)
{
	for (int i = 0; i < 4; i++) {
		std::cout.put(static_cast<char>(value >> 8 * i));
	}
}

/* A type, and all that is needed to write its messages. */
struct writer {
	pb::DescriptorPool pool;
	pb::DynamicMessageFactory factory;
	std::unique_ptr<pb::util::TypeResolver> resolver;
	std::unique_ptr<pb::Message> message;
	pb::util::JsonPrintOptions options;
	std::string type;

	bool open();
	pb::util::Status write(const std::string &wire, std::string *text);
};

bool writer::open()
{
	pb::FileDescriptorSet set;
	bool is_good = set.ParseFromString(get_text());
	type = get_text();
	uint32_t flags = get_number();

	for (const pb::FileDescriptorProto &file : set.file()) {
		is_good = is_good && pool.BuildFile(file) != nullptr;
	}
	options.preserve_proto_field_names = (flags & FIELD_NAMES) != 0;
	options.always_print_enums_as_ints = (flags & ENUM_NUMBERS) != 0;
	resolver.reset(pb::util::NewTypeResolverForDescriptorPool(
		"type.googleapis.com", &pool));
	const pb::Descriptor *descriptor = pool.FindMessageTypeByName(type);
	if (!is_good || descriptor == nullptr) {
		return false;
	}
	message.reset(factory.GetPrototype(descriptor)->New());
	return true;
}

pb::util::Status writer::write(const std::string &wire, std::string *text)
{
	std::string sorted;

	message->Clear();
	if (!message->ParsePartialFromString(wire)) {
		return pb::util::InvalidArgumentError("not such a message");
	}
	/* Numbers that a closed enum does not have would be written. */
	message->DiscardUnknownFields();
	{
		pb::io::StringOutputStream stream(&sorted);
		pb::io::CodedOutputStream out(&stream);

		out.SetSerializationDeterministic(true);
		message->SerializePartialToCodedStream(&out);
	}
	return pb::util::BinaryToJsonString(resolver.get(),
		"type.googleapis.com/" + type, sorted, text, options);
}

/* A set that C++ does not take has the status 2 for each message. */
static void run_case()
{
	writer w;
	bool is_open = w.open();

	for (uint32_t count = get_number(); count > 0; count--) {
		std::string text;
		std::string wire = get_text();
		pb::util::Status status = is_open
			? w.write(wire, &text)
			: pb::util::Status();

		if (!status.ok()) {
			text = status.ToString();
		}
		put_number(!is_open ? 2 : status.ok() ? 0 : 1);
		put_number(static_cast<uint32_t>(text.size()));
		std::cout << text;
	}
}

int main()
{
	pb::SetLogHandler(nullptr);
	input.assign(std::istreambuf_iterator<char>(std::cin), {});
	while (input_at < input.size()) {
		run_case();
	}
	return 0;
}
