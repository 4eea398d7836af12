// Whatever an object holds, what is printed of it reads back as the same object.
#include <random>

#include "shared/resource/manifest.h"
#include "shared/resource/registry.h"
#include "shared/resource/scalars.h"
#include "shared/resource/text.h"
#include "tests/property/rounds.h"

namespace perigee {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  int Below(int n) { return static_cast<int>(random_() % static_cast<uint32_t>(n)); }

  // Texts that are traps in YAML more often than not.
  std::string Text() {
    static const char* const kTraps[] = {"",
                                         "yes",
                                         "no",
                                         "null",
                                         "~",
                                         "0x1F",
                                         "017",
                                         "1e3",
                                         "12",
                                         "1.10",
                                         "a: b",
                                         "a #b",
                                         "- a",
                                         "? a",
                                         "{a}",
                                         "[a]",
                                         "&a",
                                         "*a",
                                         "!a",
                                         "%a",
                                         "@a",
                                         "`a",
                                         "|",
                                         ">",
                                         "'a'",
                                         "\"a\"",
                                         " a",
                                         "a ",
                                         "a\nb",
                                         "a\n",
                                         "\na",
                                         "a\n\n",
                                         "\ta",
                                         "a\tb",
                                         "a\r\n",
                                         "\\n",
                                         "---",
                                         "...",
                                         "22:00",
                                         "a:",
                                         ":a",
                                         "#a",
                                         "2026-01-01",
                                         "<<",
                                         "a\n b\nc\n",
                                         "a\n\n\nb\n",
                                         "a \nb",
                                         "\xC3\xA9",
                                         "\xF0\x9F\x98\x80",
                                         "\xE2\x80\xAE",
                                         "\xEF\xBB\xBF",
                                         "\x01",
                                         "\x7f",
                                         "\xC2\x85",
                                         "=",
                                         ".inf",
                                         "${site.name}",
                                         "server {\n  listen 80;\n\troot /x;\n}\n"};
    if (Below(2) == 0) return kTraps[Below(std::size(kTraps))];
    static constexpr char kAlphabet[] = "ab \n\t:#-{}[]\"'\\,&*!|>%@`?=~.0189_/";
    std::string text;
    for (int i = Below(12); i > 0; --i) text += kAlphabet[Below(sizeof kAlphabet - 1)];
    return text;
  }

  void Fill(Message& message, int depth) {
    const auto* descriptor = message.GetDescriptor();
    if (descriptor->full_name() == "google.protobuf.Timestamp") return FillTimestamp(message);
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const FieldDescriptor* field = descriptor->field(i);
      const auto& options = field->options();
      if (options.GetExtension(v1::output_only) || options.GetExtension(v1::secret)) continue;
      if (Below(3) != 0 && depth > 0) FillField(message, field, depth);
    }
  }

 private:
  void FillTimestamp(Message& message) {
    const auto* descriptor = message.GetDescriptor();
    message.GetReflection()->SetInt64(&message, descriptor->field(0), Below(2'000'000'000));
    message.GetReflection()->SetInt32(&message, descriptor->field(1), Below(2) * Below(1'000'000'000));
  }

  void FillField(Message& message, const FieldDescriptor* field, int depth) {
    const auto* r = message.GetReflection();
    const bool is_message = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (field->is_map()) return FillMap(message, field, depth);
    if (field->is_repeated()) {
      for (int i = Below(3); i > 0; --i) {
        if (is_message) {
          Fill(*r->AddMessage(&message, field), depth - 1);
        } else {
          r->AddString(&message, field, Text());
        }
      }
      return;
    }
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return Fill(*r->MutableMessage(&message, field), depth - 1);
      case FieldDescriptor::CPPTYPE_STRING:
        return r->SetString(&message, field, Text());
      case FieldDescriptor::CPPTYPE_BOOL:
        return r->SetBool(&message, field, true);
      case FieldDescriptor::CPPTYPE_INT32:
        return r->SetInt32(&message, field, Below(70'000) - 100);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return r->SetDouble(&message, field, (Below(36'000) - 18'000) / 101.0);
      default:
        FAIL() << field->full_name();
    }
  }

  void FillMap(Message& message, const FieldDescriptor* field, int depth) {
    std::set<std::string> keys;
    for (int i = Below(3); i > 0; --i) keys.insert(Text());
    for (const std::string& key : keys) {
      Message& entry = *message.GetReflection()->AddMessage(&message, field);
      entry.GetReflection()->SetString(&entry, field->message_type()->map_key(), key);
      FillField(entry, field->message_type()->map_value(), depth);
    }
  }

  std::mt19937 random_;
};

ParsedManifests Read(const std::string& text) {
  google::protobuf::RepeatedPtrField<v1::Manifest> manifests;
  manifests.Add()->set_content(text);
  return ParseManifests(manifests, "default");
}

TEST(RoundTripTest, WhatIsPrintedReadsBack) {
  for (const uint32_t seed : Rounds(400)) {
    Generator generator(seed);
    for (const KindInfo& kind : Kinds()) {
      if (!kind.applicable) continue;
      const auto object = NewObject(kind);
      v1::ObjectMeta& meta = MutableMeta(*object);
      generator.Fill(*object->GetReflection()->MutableMessage(
                         object.get(), object->GetDescriptor()->FindFieldByName("spec")),
                     6);
      generator.Fill(meta, 2);
      meta.set_name("n");
      meta.set_project(kind.project_scoped ? "p" : "");
      for (const std::string& text : {ToYaml(*object), ToJson(*object)}) {
        const ParsedManifests parsed = Read(text);
        ASSERT_TRUE(parsed.errors.empty()) << "seed " << seed << "\n"
                                           << FormatFieldError(parsed.errors[0]) << "\n"
                                           << text;
        ASSERT_EQ(parsed.objects.size(), 1u);
        ASSERT_EQ(CanonicalBytes(ObjectOf(parsed.objects[0].resource)), CanonicalBytes(*object))
            << "seed " << seed << "\n"
            << text << "\nread as\n"
            << ToYaml(ObjectOf(parsed.objects[0].resource));
      }
    }
  }
}

TEST(RoundTripTest, NoTextMakesTheReaderFall) {
  static constexpr char kAlphabet[] = "ab \n\t:#-{}[]\"'\\,&*!|>%@`?=~.0189_\x80\xC3\x01";
  std::mt19937 random(7);
  for ([[maybe_unused]] const uint32_t round : Rounds(5000)) {
    std::string text = "apiVersion: perigee.dev/v1\nkind: Site\nmetadata: {name: a}\nspec: ";
    for (uint32_t i = random() % 40; i > 0; --i) text += kAlphabet[random() % (sizeof kAlphabet - 1)];
    const ParsedManifests parsed = Read(text);
    EXPECT_TRUE(parsed.errors.empty() || parsed.objects.empty()) << text;
    for (const v1::FieldError& error : parsed.errors) EXPECT_GE(error.line(), 1) << text;
  }
}

}  // namespace
}  // namespace perigee
