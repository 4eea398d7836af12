#include "shared/resource/diff.h"

#include <algorithm>
#include <map>

#include "shared/base/status.h"
#include "shared/resource/field_path.h"
#include "shared/resource/node.h"
#include "shared/resource/schema.h"
#include "shared/resource/text.h"

namespace perigee {
namespace {

using google::protobuf::Message;

std::string TextOf(const Node* node) {
  if (node == nullptr) return "";
  if (node->is_scalar()) return node->text;
  std::string text = NodeToYaml(*node);
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

void Compare(const Node* before, const Node* after, const std::string& path,
             std::vector<v1::FieldChange>& changes);

void CompareMembers(const Node& before, const Node& after, const std::string& path,
                    std::vector<v1::FieldChange>& changes) {
  for (const Member& member : before.members) {
    Compare(&member.value, after.Find(member.key), KeyPath(path, member.key), changes);
  }
  for (const Member& member : after.members) {
    if (before.Find(member.key) == nullptr)
      Compare(nullptr, &member.value, KeyPath(path, member.key), changes);
  }
}

void CompareItems(const Node& before, const Node& after, const std::string& path,
                  std::vector<v1::FieldChange>& changes) {
  const auto item = [](const Node& list, size_t i) {
    return i < list.items.size() ? &list.items[i] : nullptr;
  };
  for (size_t i = 0; i < std::max(before.items.size(), after.items.size()); ++i) {
    Compare(item(before, i), item(after, i), ElementPath(path, i), changes);
  }
}

void Compare(const Node* before, const Node* after, const std::string& path,
             std::vector<v1::FieldChange>& changes) {
  using Type = Node::Type;
  if (before != nullptr && after != nullptr) {
    if (before->type == Type::kMap && after->type == Type::kMap)
      return CompareMembers(*before, *after, path, changes);
    if (before->type == Type::kList && after->type == Type::kList)
      return CompareItems(*before, *after, path, changes);
  }
  const std::string from = TextOf(before);
  const std::string to = TextOf(after);
  const bool same_kind = (before == nullptr) == (after == nullptr);
  if (same_kind && from == to) return;
  v1::FieldChange& change = changes.emplace_back();
  change.set_field(path);
  change.set_before(from);
  change.set_after(to);
}

std::string BytesOf(const Message& message, const FieldDescriptor* only) {
  const std::unique_ptr<Message> copy(message.New());
  copy->CopyFrom(message);
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    if (field != only) copy->GetReflection()->ClearField(copy.get(), field);
  }
  return CanonicalBytes(*copy);
}

// Secrets are left out of trees; that they differ is said without what they are.
void CompareSecrets(const Message& before, const Message& after, const std::string& path,
                    std::vector<v1::FieldChange>& changes) {
  const auto* descriptor = before.GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    if (!IsSecret(field)) continue;
    if (BytesOf(before, field) == BytesOf(after, field)) continue;
    const bool had = IsSet(before, field);
    const bool has = IsSet(after, field);
    v1::FieldChange& change = changes.emplace_back();
    change.set_field(FieldPath(path, field->json_name()));
    change.set_before(had ? "(secret)" : "");
    change.set_after(has ? (had ? "(secret, changed)" : "(secret)") : "");
  }
}

}  // namespace

std::vector<v1::FieldChange> DiffSpecs(const Message& before, const Message& after) {
  PERIGEE_ASSERT(before.GetDescriptor() == after.GetDescriptor());
  std::vector<v1::FieldChange> changes;
  const FieldDescriptor* spec = before.GetDescriptor()->FindFieldByName("spec");
  if (spec == nullptr) {
    const Node from = ToNode(before);
    const Node to = ToNode(after);
    Compare(&from, &to, "", changes);
    return changes;
  }
  const Node from = ToNode(before);
  const Node to = ToNode(after);
  const auto metadata_part = [](const Node& object, std::string_view name) {
    const Node* metadata = object.Find("metadata");
    const Node* part = metadata == nullptr ? nullptr : metadata->Find(name);
    return part == nullptr ? Node::Map() : *part;
  };
  for (const char* part : {"labels", "annotations"}) {
    const Node a = metadata_part(from, part);
    const Node b = metadata_part(to, part);
    Compare(&a, &b, FieldPath("metadata", part), changes);
  }
  const Node empty = Node::Map();
  Compare(from.Find("spec") ? from.Find("spec") : &empty, to.Find("spec") ? to.Find("spec") : &empty, "spec",
          changes);
  CompareSecrets(before.GetReflection()->GetMessage(before, spec),
                 after.GetReflection()->GetMessage(after, spec), "spec", changes);
  return changes;
}

}  // namespace perigee
