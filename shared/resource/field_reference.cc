#include "shared/resource/field_reference.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "shared/base/status.h"
#include "shared/base/string_views.h"
#include "shared/resource/field_path.h"
#include "shared/resource/message_reader.h"
#include "shared/resource/schema.h"

namespace perigee {
namespace {

using google::protobuf::Descriptor;

constexpr int kDepth = 12;  // no message contains itself so far

bool HasFields(const FieldDescriptor* field) {
  return field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field->is_map() && !IsTimestamp(field);
}

std::string OneType(const FieldDescriptor* field) {
  if (!FormatOf(field).empty()) return absl::StrReplaceAll(ToAbsl(FormatOf(field)), {{"_", " "}});
  if (IsTimestamp(field)) return "time";
  if (HasFields(field)) return "fields";
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return field->type() == FieldDescriptor::TYPE_BYTES ? "bytes, as base64" : "text";
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return "number";
    default:
      return "whole number";
  }
}

std::string TypeOf(const FieldDescriptor* field) {
  if (field->is_map()) {
    const FieldDescriptor* value = field->message_type()->FindFieldByName("value");
    return absl::StrCat("map of ", FormatOf(field).empty() ? OneType(value) : OneType(field));
  }
  if (!field->is_repeated()) return OneType(field);
  return absl::StrCat("list of ", OneType(field));
}

std::vector<std::string> AllowedWords(const FieldDescriptor* field) {
  std::vector<std::string> words = WordsOf(field);
  const std::vector<std::string> not_yet = NotYetWordsOf(field);
  std::erase_if(words, [&](const std::string& word) {
    return std::find(not_yet.begin(), not_yet.end(), word) != not_yet.end();
  });
  return words;
}

std::string NoteOf(const FieldDescriptor* field) {
  if (!NotYet(field).empty()) return absl::StrCat("not yet: ", ToAbsl(NotYet(field)));
  if (IsOutputOnly(field)) return "set by the system";
  std::vector<std::string> notes;
  if (IsRequired(field)) notes.push_back("required");
  if (const auto words = AllowedWords(field); !words.empty()) notes.push_back(absl::StrJoin(words, " or "));
  if (!DefaultOf(field).empty()) notes.push_back(absl::StrCat("default ", ToAbsl(DefaultOf(field))));
  const auto later = NotYetWordsOf(field);
  if (!later.empty()) notes.push_back(absl::StrCat("not yet: ", absl::StrJoin(later, ", ")));
  // The kinds whose values people of Kubernetes would encode.
  if (IsSecret(field) && field->is_map()) notes.push_back("write-only");
  if (field->is_map() && field->name() == "data") notes.push_back("plain text, not base64");
  if (HasFields(field)) {
    if (const auto* text = ScalarStringField(field->message_type()))
      notes.push_back(absl::StrCat("a text alone is its ", text->json_name()));
    if (const auto* number = ScalarIntField(field->message_type()))
      notes.push_back(absl::StrCat("a number alone is its ", number->json_name()));
  }
  return absl::StrJoin(notes, "; ");
}

std::string PathOf(const FieldDescriptor* field, const std::string& parent) {
  std::string path = absl::StrCat(parent, parent.empty() ? "" : ".", field->json_name());
  if (field->is_map()) return path + "{}";
  return field->is_repeated() ? path + "[]" : path;
}

void AddField(const FieldDescriptor* field, const std::string& parent, int depth,
              std::vector<FieldRow>& rows) {
  const std::string path = PathOf(field, parent);
  rows.push_back({path, TypeOf(field), NoteOf(field)});
  if (!HasFields(field) || !NotYet(field).empty() || depth == 0) return;
  for (int i = 0; i < field->message_type()->field_count(); ++i) {
    AddField(field->message_type()->field(i), path, depth - 1, rows);
  }
}

// The field of that name, as written in manifests.
absl::StatusOr<const FieldDescriptor*> Named(const Descriptor* message, const std::string& name,
                                             const std::string& parent) {
  std::vector<std::string> names;
  for (int i = 0; i < message->field_count(); ++i) {
    if (message->field(i)->json_name() == name) return message->field(i);
    names.push_back(message->field(i)->json_name());
  }
  const std::string nearest = NearestName(name, names);
  return absl::NotFoundError(
      absl::StrCat(parent.empty() ? name : absl::StrCat(parent, ".", name), ": no such field",
                   nearest.empty() ? absl::StrCat("; there are ", absl::StrJoin(names, ", "))
                                   : absl::StrCat(" (did you mean ", nearest, "?)")));
}

}  // namespace

absl::StatusOr<std::vector<FieldRow>> FieldsOf(const KindInfo& kind, std::string_view path) {
  const Descriptor* message = kind.field->message_type();
  std::vector<FieldRow> rows;
  if (path.empty()) {
    for (int i = 0; i < message->field_count(); ++i) {
      const std::string& name = message->field(i)->name();
      if (name != "status" && name != "operations") AddField(message->field(i), "", kDepth, rows);
    }
    return rows;
  }
  std::string parent;
  const FieldDescriptor* field = nullptr;
  const std::string plain = absl::StrReplaceAll(ToAbsl(path), {{"[]", ""}, {"{}", ""}});
  for (const std::string& name : std::vector<std::string>(absl::StrSplit(plain, '.'))) {
    if (field != nullptr) {
      parent = PathOf(field, parent);
      if (!HasFields(field)) return absl::NotFoundError(absl::StrCat(parent, " has no fields"));
      message = field->message_type();
    }
    PERIGEE_ASSIGN_OR_RETURN(field, Named(message, name, parent));
  }
  AddField(field, parent, kDepth, rows);
  return rows;
}

}  // namespace perigee
