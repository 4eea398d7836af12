// Reading manifests as a caller does, for the tests of it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "shared/resource/defaults.h"
#include "shared/resource/manifest.h"
#include "shared/resource/registry.h"
#include "shared/resource/validate.h"

namespace perigee {

// What a caller does with a manifest: read, default, validate, locate.
inline ParsedManifests ReadAll(const std::string& text, const std::string& file = "m.yaml") {
  google::protobuf::RepeatedPtrField<v1::Manifest> manifests;
  v1::Manifest* manifest = manifests.Add();
  manifest->set_file_name(file);
  manifest->set_content(text);
  ParsedManifests parsed = ParseManifests(manifests, "");
  for (ParsedObject& object : parsed.objects) {
    auto& message = MutableObject(object.resource, KindOf(ObjectOf(object.resource)));
    ApplyDefaults(message);
    for (v1::FieldError& error : ValidateObject(message)) {
      Locate(object, error);
      parsed.errors.push_back(std::move(error));
    }
  }
  return parsed;
}

inline std::string Errors(const ParsedManifests& parsed) {
  std::string text;
  for (const v1::FieldError& error : parsed.errors) text += FormatFieldError(error) + "\n";
  return text;
}

// Indents every line but the first, to set a fragment into a document.
inline std::string Workload(const std::string& task_fields) {
  return "apiVersion: perigee.dev/v1\nkind: Workload\nmetadata: {name: web}\nspec:\n  template:\n    tasks:\n"
         "    - name: main\n" +
         task_fields;
}

inline constexpr char kHead[] = "apiVersion: perigee.dev/v1\n";

}  // namespace perigee
