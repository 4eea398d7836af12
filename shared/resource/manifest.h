// The strict reader of manifests: YAML or JSON text to objects, and every error
// with its file, line, column, field and, where one is near, a suggestion.
//
// Nothing is guessed: an unknown field, a number where a text belongs (and the
// other way round), a key given twice, an alias or anchor, a tag, a text that is
// not UTF-8, or anything over the limits of shared/base/limits.h is an error.
// Several errors are reported at once. Documents are separated by `---`.
//
//   ParsedManifests parsed = ParseManifests(request.manifests(), request.default_project());
//   for (ParsedObject& object : parsed.objects) {
//     ApplyDefaults(MutableObject(...));
//     for (v1::FieldError& error : ValidateObject(ObjectOf(object.resource))) Locate(object, error);
//   }
//
// What `get -o yaml` prints can be given back: status, metadata.uid, generation,
// revision, createdAt and deletingSince are ignored; operations too where the
// manifest carries a uid. Output-only fields in spec are errors.
// Rules of meaning (required, words, formats) are validate.h's. Pure; thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/repeated_field.h"
#include "proto/perigee/v1/cloud_service.pb.h"
#include "proto/perigee/v1/resource.pb.h"
#include "shared/resource/node.h"

namespace perigee {

// Where each field of one object stands in its file.
class SourceMap {
 public:
  struct Position {
    int line = 0;  // from 1; 0 when unknown
    int column = 0;
  };
  void Set(const std::string& path, int line, int column) { positions_[path] = {line, column}; }
  // Of the field itself, or of the nearest field around it that the text has.
  Position Find(std::string_view path) const;

 private:
  std::map<std::string, Position, std::less<>> positions_;  // "" is the document
};

struct ParsedObject {
  v1::Resource resource;
  SourceMap source;
  std::string file;
};

struct ParsedManifests {
  std::vector<ParsedObject> objects;  // those without errors
  std::vector<v1::FieldError> errors;
};

// Objects of project-scoped kinds that name no project get `default_project` ("default" when that is empty).
ParsedManifests ParseManifests(const google::protobuf::RepeatedPtrField<v1::Manifest>& manifests,
                               std::string_view default_project);

// Fills in file, line and column of an error about this object.
void Locate(const ParsedObject& object, v1::FieldError& error);

// "web.yaml:12:7: spec.template.tasks[0].comand: no such field (did you mean command?)"
std::string FormatFieldError(const v1::FieldError& error);

// The documents of one text as trees; the first error ends the reading. For cloudctl and tests.
struct ReadDocuments {
  std::vector<Node> documents;  // empty documents left out
  std::optional<v1::FieldError> error;
};
ReadDocuments ReadYaml(std::string_view text, std::string_view file_name);

// Whether the text can be a manifest at all: size, UTF-8, no control characters. ReadYaml begins with it; a
// client asks before it sends.
std::optional<v1::FieldError> CheckText(std::string_view text, std::string_view file_name);

}  // namespace perigee
