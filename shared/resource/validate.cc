#include "shared/resource/validate.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "shared/base/limits.h"
#include "shared/base/string_views.h"
#include "shared/resource/field_path.h"
#include "shared/resource/kind_rules.h"
#include "shared/resource/message_reader.h"
#include "shared/resource/registry.h"
#include "shared/resource/schema.h"

namespace perigee {
namespace {

using google::protobuf::Message;

bool Contains(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

void CheckWords(const FieldDescriptor* field, const std::string& text, const std::string& path,
                Findings& findings) {
  std::vector<std::string> words = WordsOf(field);
  if (words.empty()) return;
  const std::vector<std::string> later = NotYetWordsOf(field);
  std::vector<std::string> served;
  for (const std::string& word : words) {
    if (!Contains(later, word)) served.push_back(word);
  }
  const std::string choice =
      served.empty() ? "leave it out" : absl::StrCat("use ", absl::StrJoin(served, " or "));
  if (Contains(later, text)) {
    findings.Add(path, absl::StrCat(text, " is not yet served by this release; ", choice));
  } else if (!Contains(words, text)) {
    findings.Add(path,
                 absl::StrCat("\"", text.substr(0, 40), "\" is not one of: ", absl::StrJoin(words, ", ")),
                 NearestName(text, words));
  }
}

void CheckText(const FieldDescriptor* field, const std::string& text, const std::string& path,
               Findings& findings) {
  CheckWords(field, text, path, findings);
  const std::string_view format = FormatOf(field);
  if (!format.empty()) findings.AddStatus(path, CheckFormat(format, text));
  if (text.size() > limits::kStringLength && field->type() == FieldDescriptor::TYPE_STRING) {
    findings.Add(path, absl::StrCat("the text is longer than ", limits::kStringLength >> 10, " KiB"));
  }
}

// The values of a map; Config and Secret have a limit of their own for all of it.
void CheckMapTexts(const Message& message, const FieldDescriptor* field, const std::string& path,
                   Findings& findings) {
  const FieldDescriptor* key = field->message_type()->map_key();
  const FieldDescriptor* value = field->message_type()->map_value();
  const std::string_view format = FormatOf(field);
  if (value->cpp_type() != FieldDescriptor::CPPTYPE_STRING || format.empty()) return;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
    const Message& entry = message.GetReflection()->GetRepeatedMessage(message, field, i);
    const auto* r = entry.GetReflection();
    findings.AddStatus(KeyPath(path, r->GetString(entry, key)),
                       CheckFormat(format, r->GetString(entry, value)));
  }
}

void CheckMessage(const Message& message, const std::string& path, Findings& findings);

void CheckRepeated(const Message& message, const FieldDescriptor* field, const std::string& path,
                   Findings& findings) {
  const auto* r = message.GetReflection();
  for (int i = 0; i < r->FieldSize(message, field); ++i) {
    const std::string child = ElementPath(path, static_cast<size_t>(i));
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      CheckMessage(r->GetRepeatedMessage(message, field, i), child, findings);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      CheckText(field, r->GetRepeatedString(message, field, i), child, findings);
    }
  }
}

void CheckField(const Message& message, const FieldDescriptor* field, const std::string& path,
                Findings& findings) {
  if (IsOutputOnly(field)) return;  // written by the system
  if (!IsSet(message, field)) {
    if (IsRequired(field)) findings.Add(path, "required");
    return;
  }
  if (!NotYet(field).empty()) {
    findings.Add(path, absl::StrCat("not yet served by this release: ", ToAbsl(NotYet(field))));
  } else if (field->is_map()) {
    CheckMapTexts(message, field, path, findings);
  } else if (field->is_repeated()) {
    CheckRepeated(message, field, path, findings);
  } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    if (!IsTimestamp(field))
      CheckMessage(message.GetReflection()->GetMessage(message, field), path, findings);
  } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    CheckText(field, message.GetReflection()->GetString(message, field), path, findings);
  }
}

void CheckMessage(const Message& message, const std::string& path, Findings& findings) {
  const auto* descriptor = message.GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    CheckField(message, descriptor->field(i), FieldPath(path, descriptor->field(i)->json_name()), findings);
  }
}

void CheckKind(const Message& object, Findings& findings) {
  const auto* type = object.GetDescriptor();
  if (type == v1::Site::descriptor()) return CheckSite(static_cast<const v1::Site&>(object).spec(), findings);
  if (type == v1::Project::descriptor())
    return CheckProject(static_cast<const v1::Project&>(object).spec(), findings);
  if (type == v1::Workload::descriptor()) {
    return CheckWorkload(static_cast<const v1::Workload&>(object).spec(), findings);
  }
  if (type == v1::Config::descriptor())
    return CheckConfig(static_cast<const v1::Config&>(object).spec(), findings);
  if (type == v1::Secret::descriptor())
    return CheckSecret(static_cast<const v1::Secret&>(object).spec(), findings);
  if (type == v1::EnrollmentToken::descriptor()) {
    return CheckEnrollmentToken(static_cast<const v1::EnrollmentToken&>(object).spec(), findings);
  }
}

}  // namespace

std::vector<v1::FieldError> ValidateObject(const Message& object) {
  Findings findings;
  const KindInfo& kind = KindOf(object);
  if (!kind.not_yet.empty()) findings.Add("kind", kind.not_yet);
  CheckMessage(MetaOf(object), "metadata", findings);
  CheckMetadata(MetaOf(object), kind.project_scoped, findings);
  if (const FieldDescriptor* spec = object.GetDescriptor()->FindFieldByName("spec")) {
    CheckMessage(object.GetReflection()->GetMessage(object, spec), "spec", findings);
  }
  CheckKind(object, findings);
  return findings.Take();
}

}  // namespace perigee
