// A tree to a message, driven by the message's descriptor. Private to this module.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/message.h"
#include "proto/perigee/v1/cloud_service.pb.h"
#include "shared/resource/manifest.h"
#include "shared/resource/node.h"
#include "shared/resource/schema.h"

namespace perigee {

// What people who know Kubernetes try, and what they are told.
inline constexpr std::string_view kStringData = "stringData";
inline constexpr char kDataHint[] =
    "no such field; texts are written as they are, not as base64, under spec.data";

// Reads one object; collects every error. Not thread-safe.
class MessageReader {
 public:
  enum class OutputOnly { kIgnored, kRefused };
  MessageReader(std::string file, SourceMap* source, std::vector<v1::FieldError>* errors)
      : file_(std::move(file)), source_(source), errors_(errors) {}

  void Read(const Node& node, google::protobuf::Message& message, const std::string& path,
            OutputOnly output_only);
  void Fail(const Node& node, const std::string& path, std::string message, std::string suggestion = "");
  void FailAt(int line, int column, const std::string& path, std::string message, std::string suggestion);

  // For a value that is not there: placed at its key.
  void FailEmpty(const std::string& path, std::string message);

 private:
  void ReadMember(const Member& member, google::protobuf::Message& message, const std::string& path);
  void ReadField(const Node& node, google::protobuf::Message& message, const FieldDescriptor* field,
                 const std::string& path);
  void ReadList(const Node& node, google::protobuf::Message& message, const FieldDescriptor* field,
                const std::string& path);
  void ReadMap(const Node& node, google::protobuf::Message& message, const FieldDescriptor* field,
               const std::string& path);
  bool ReadShortForm(const Node& node, google::protobuf::Message& message, const std::string& path);
  void ReadScalar(const Node& node, google::protobuf::Message& message, const FieldDescriptor* field,
                  bool plain_taken, const std::string& path);
  void ReadText(const Node& node, google::protobuf::Message& message, const FieldDescriptor* field,
                bool plain_taken, const std::string& path);
  void ReadInteger(const Node& node, google::protobuf::Message& message, const FieldDescriptor* field,
                   const std::string& path);
  void ReadDouble(const Node& node, google::protobuf::Message& message, const FieldDescriptor* field,
                  const std::string& path);
  void ReadBool(const Node& node, google::protobuf::Message& message, const FieldDescriptor* field,
                const std::string& path);
  void ReadTimestamp(const Node& node, google::protobuf::Message& message, const std::string& path);

  const std::string file_;
  SourceMap* const source_;
  std::vector<v1::FieldError>* const errors_;
  OutputOnly output_only_ = OutputOnly::kRefused;
};

// The nearest of `names` to `name`; empty when none is near.
std::string NearestName(std::string_view name, const std::vector<std::string>& names);

}  // namespace perigee
