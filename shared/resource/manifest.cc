#include "shared/resource/manifest.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "shared/base/limits.h"
#include "shared/base/string_views.h"
#include "shared/resource/field_path.h"
#include "shared/resource/message_reader.h"
#include "shared/resource/registry.h"
#include "shared/resource/scalars.h"

namespace perigee {
namespace {

using google::protobuf::Message;

std::string_view WhyNotApplicable(const std::string& kind) {
  if (kind == "Satellite" || kind == "EnrollmentRequest") {
    return "is made by enrolling a host, not by a manifest: cloudctl token create --site SITE";
  }
  if (kind == "EnrollmentToken")
    return "is made by a command, not by a manifest: cloudctl token create --site SITE";
  return "is written by the system; a manifest cannot create or change it";
}

// One apply: all files, all documents.
class Manifests {
 public:
  explicit Manifests(std::string_view default_project)
      : default_project_(default_project.empty() ? kDefaultProject : default_project) {}

  void ReadFile(const v1::Manifest& manifest) {
    bytes_ += manifest.content().size();
    if (bytes_ > limits::kManifestBytes) {
      AddError(manifest.file_name(),
               absl::StrCat("the manifests are larger than ", limits::kManifestBytes >> 20,
                            " MiB together; apply them in parts"));
      return;
    }
    ReadDocuments read = ReadYaml(manifest.content(), manifest.file_name());
    for (const Node& document : read.documents) ReadDocument(document, manifest.file_name());
    if (read.error) {
      result_.errors.push_back(*std::move(read.error));
    } else if (read.documents.empty()) {
      AddError(manifest.file_name(), "the manifest is empty");
    }
  }

  ParsedManifests Take() {
    if (result_.errors.size() > static_cast<size_t>(limits::kErrorsReported)) {
      const size_t more = result_.errors.size() - limits::kErrorsReported;
      result_.errors.resize(limits::kErrorsReported);
      result_.errors.back() = v1::FieldError();
      result_.errors.back().set_message(absl::StrCat("and ", more + 1, " more errors"));
    }
    return std::move(result_);
  }

 private:
  void AddError(const std::string& file, std::string message) {
    v1::FieldError error;
    error.set_file(file);
    error.set_message(std::move(message));
    result_.errors.push_back(std::move(error));
  }

  // A List, as `get -o yaml` prints several objects, is its items.
  void ReadDocument(const Node& document, const std::string& file) {
    const Node* kind = document.Find("kind");
    if (kind == nullptr || kind->text != "List") return ReadObject(document, file);
    MessageReader reader(file, nullptr, &result_.errors);
    CheckVersion(document, reader);
    for (const Member& member : document.members) {
      if (member.key != "apiVersion" && member.key != "kind" && member.key != "metadata" &&
          member.key != "items")
        reader.FailAt(member.line, member.column, member.key, "no such field", "items");
    }
    const Node* items = document.Find("items");
    if (items == nullptr || items->type != Node::Type::kList) {
      return reader.Fail(items == nullptr ? document : *items, "items", "required: a list of objects");
    }
    for (const Node& item : items->items) ReadObject(item, file);
  }

  void ReadObject(const Node& document, const std::string& file) {
    if (++documents_ == limits::kManifestObjects + 1) {
      AddError(file, absl::StrCat("more than ", limits::kManifestObjects, " objects; apply them in parts"));
    }
    if (documents_ > limits::kManifestObjects) return;
    ParsedObject object;
    object.file = file;
    object.source.Set("", document.line, document.column);
    const size_t errors_before = result_.errors.size();
    MessageReader reader(file, &object.source, &result_.errors);
    const KindInfo* kind = ReadKind(document, reader);
    if (kind == nullptr) return;
    Message& message = MutableObject(object.resource, *kind);
    ReadParts(document, *kind, message, object.source, reader);
    if (result_.errors.size() != errors_before) return;
    SetProject(document, *kind, message, reader);
    CheckOnlyOnce(document, message, file, reader);
    if (result_.errors.size() == errors_before) result_.objects.push_back(std::move(object));
  }

  void CheckVersion(const Node& document, MessageReader& reader) {
    const Node* version = document.Find("apiVersion");
    if (version == nullptr) {
      reader.Fail(document, "apiVersion", "required; this release reads perigee.dev/v1",
                  "apiVersion: perigee.dev/v1");
    } else if (version->text != kApiVersion) {
      reader.Fail(*version, "apiVersion", "unknown version; this release reads perigee.dev/v1",
                  std::string(kApiVersion));
    }
  }

  const KindInfo* ReadKind(const Node& document, MessageReader& reader) {
    if (document.type != Node::Type::kMap) {
      reader.Fail(document, "", "expected an object with apiVersion, kind, metadata and spec");
      return nullptr;
    }
    CheckVersion(document, reader);
    const Node* kind = document.Find("kind");
    if (kind == nullptr || !kind->is_scalar()) {
      reader.Fail(kind == nullptr ? document : *kind, "kind",
                  "required: Site, Project, Workload, Config or Secret");
      return nullptr;
    }
    const KindInfo* info = FindKind(kind->text);
    if (info == nullptr || info->kind != kind->text) {
      reader.Fail(*kind, "kind", absl::StrCat("there is no kind ", kind->text.substr(0, 63)),
                  info != nullptr ? info->kind : NearestKind(kind->text));
      return nullptr;
    }
    if (!info->not_yet.empty()) {
      reader.Fail(*kind, "kind", info->not_yet);
      return nullptr;
    }
    if (!info->applicable) {
      reader.Fail(*kind, "kind", absl::StrCat("a ", info->kind, " ", ToAbsl(WhyNotApplicable(info->kind))));
      return nullptr;
    }
    return info;
  }

  void ReadParts(const Node& document, const KindInfo& kind, Message& message, SourceMap& source,
                 MessageReader& reader) {
    const Node* metadata = document.Find("metadata");
    const bool printed_by_get = metadata != nullptr && metadata->Find("uid") != nullptr;
    if (metadata == nullptr) reader.Fail(document, "metadata", "required: metadata: {name: NAME}");
    for (const Member& member : document.members) {
      const std::string& key = member.key;
      source.Set(key, member.line, member.column);
      if (key == "apiVersion" || key == "kind" ||
          (key == "status" && kind.field->message_type()->FindFieldByName(key))) {
        continue;
      }
      const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(key);
      if (key == "operations" && field != nullptr) {
        if (!printed_by_get) {
          reader.FailAt(member.line, member.column, key,
                        "operations are changed by commands only, not by a manifest; leave it out", "");
        }
      } else if (key == "metadata" || (key == "spec" && field != nullptr)) {
        ReadPart(member.value, message, field, key, reader);
      } else {
        FailUnknownPart(member, kind, reader);
      }
    }
  }

  void FailUnknownPart(const Member& member, const KindInfo& kind, MessageReader& reader) {
    const bool of_spec = (kind.kind == "Config" || kind.kind == "Secret") &&
                         (member.key == "data" || member.key == kStringData);
    reader.FailAt(
        member.line, member.column, member.key, of_spec ? kDataHint : "no such field",
        of_spec ? "spec.data" : NearestName(member.key, {"apiVersion", "kind", "metadata", "spec"}));
  }

  void ReadPart(const Node& node, Message& message, const FieldDescriptor* field, const std::string& path,
                MessageReader& reader) {
    if (node.type == Node::Type::kNull) {
      reader.FailEmpty(path, "there is no value; give one, or leave the field out");
      return;
    }
    reader.Read(
        node, *message.GetReflection()->MutableMessage(&message, field), path,
        path == "metadata" ? MessageReader::OutputOnly::kIgnored : MessageReader::OutputOnly::kRefused);
  }

  void SetProject(const Node& document, const KindInfo& kind, Message& message, MessageReader& reader) {
    v1::ObjectMeta& meta = MutableMeta(message);
    if (kind.project_scoped) {
      if (meta.project().empty()) meta.set_project(std::string(default_project_));
    } else if (!meta.project().empty()) {
      const Node* project = document.Find("metadata")->Find("project");
      reader.Fail(*project, "metadata.project",
                  absl::StrCat("a ", kind.kind, " belongs to no project; leave it out"));
    }
  }

  void CheckOnlyOnce(const Node& document, const Message& message, const std::string& file,
                     MessageReader& reader) {
    const v1::ObjectMeta& meta = MetaOf(message);
    if (meta.name().empty()) return;
    const std::string key = absl::StrCat(KindOf(message).kind, "/", meta.project(), "/", meta.name());
    const auto [earlier, fresh] = seen_.emplace(key, absl::StrCat(file, ":", document.line));
    if (!fresh) {
      reader.Fail(document, "metadata.name",
                  absl::StrCat(KindOf(message).kind, " ", meta.name(), " is given twice; the first time at ",
                               earlier->second));
    }
  }

  const std::string_view default_project_;
  uint64_t bytes_ = 0;
  int documents_ = 0;
  std::map<std::string, std::string> seen_;
  ParsedManifests result_;
};

}  // namespace

SourceMap::Position SourceMap::Find(std::string_view path) const {
  while (true) {
    const auto found = positions_.find(path);
    if (found != positions_.end()) return found->second;
    if (path.empty()) return {};
    path = ParentPath(path);
  }
}

ParsedManifests ParseManifests(const google::protobuf::RepeatedPtrField<v1::Manifest>& manifests,
                               std::string_view default_project) {
  Manifests all(default_project);
  for (const v1::Manifest& manifest : manifests) all.ReadFile(manifest);
  return all.Take();
}

void Locate(const ParsedObject& object, v1::FieldError& error) {
  const SourceMap::Position position = object.source.Find(error.field());
  error.set_file(object.file);
  error.set_line(position.line);
  error.set_column(position.column);
}

std::string FormatFieldError(const v1::FieldError& error) {
  std::string text = error.file();
  if (error.line() > 0) absl::StrAppend(&text, ":", error.line(), ":", error.column());
  if (!text.empty()) text += ": ";
  if (!error.field().empty()) absl::StrAppend(&text, error.field(), ": ");
  text += error.message();
  if (!error.suggestion().empty()) absl::StrAppend(&text, " (did you mean ", error.suggestion(), "?)");
  return text;
}

}  // namespace perigee
