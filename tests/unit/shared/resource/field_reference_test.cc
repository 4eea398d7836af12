#include "shared/resource/field_reference.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace perigee {
namespace {

std::string Row(const char* kind, const std::string& path) {
  const auto rows = FieldsOf(*FindKind(kind), path);
  if (!rows.ok()) return std::string(rows.status().message());
  return absl::StrCat(rows->front().path, " | ", rows->front().type, " | ", rows->front().note);
}

TEST(FieldReferenceTest, SaysTypeWordsAndDefault) {
  EXPECT_EQ(Row("workload", "metadata.name"), "metadata.name | label | required");
  EXPECT_EQ(Row("workload", "spec.kind"), "spec.kind | text | service; default service; not yet: task");
  EXPECT_EQ(Row("workload", "spec.template.tasks.command"),
            "spec.template.tasks[].command[] | list of text | ");
  EXPECT_EQ(Row("workload", "spec.template.tasks[].resources"),
            "spec.template.tasks[].resources{} | map of quantity | ");
  EXPECT_EQ(Row("secret", "spec.data"), "spec.data{} | map of text | write-only; plain text, not base64");
  EXPECT_EQ(Row("secret", "spec.version"), "spec.version | text | set by the system");
  EXPECT_EQ(
      Row("secret", "spec.sealed"),
      "spec.sealed | bytes, as base64 | not yet: sealed secrets come with `cloudctl secret seal`; use data");
}

TEST(FieldReferenceTest, NamesTheNearestField) {
  EXPECT_EQ(Row("workload", "spec.templat"), "spec.templat: no such field (did you mean template?)");
  EXPECT_EQ(Row("secret", "spec.data.x"), "spec.data{} has no fields");
  EXPECT_EQ(Row("secret", "zzzzzzzz"), "zzzzzzzz: no such field; there are metadata, spec, status");
}

TEST(FieldReferenceTest, EveryKindHasAllItsFields) {
  for (const KindInfo& kind : Kinds()) {
    const auto rows = FieldsOf(kind, "");
    ASSERT_TRUE(rows.ok()) << kind.kind;
    const auto is_spec = [](const FieldRow& row) { return row.path.starts_with("spec"); };
    const bool has_spec = kind.field->message_type()->FindFieldByName("spec") != nullptr;
    EXPECT_EQ(std::any_of(rows->begin(), rows->end(), is_spec), has_spec) << kind.kind;
    for (const FieldRow& row : *rows) EXPECT_FALSE(row.type.empty()) << row.path;
  }
}

}  // namespace
}  // namespace perigee
