// Apply: from manifests to one transaction, or to errors that say where.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include "control-plane/admission/change_set.h"
#include "control-plane/admission/commit.h"
#include "control-plane/admission/intent.h"
#include "control-plane/admission/reader.h"
#include "control-plane/admission/references.h"
#include "control-plane/admission/secret_change.h"
#include "control-plane/admission/strip_secrets.h"
#include "control-plane/compile/sources.h"
#include "control-plane/watch/codec.h"
#include "proto/perigee/v1/workload.pb.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "shared/resource/diff.h"
#include "shared/resource/manifest.h"
#include "shared/resource/registry.h"
#include "shared/resource/validate.h"

namespace perigee::control {
namespace {

using google::protobuf::Message;
using Name = std::tuple<std::string, std::string, std::string>;  // kind, project, name

constexpr char kApplyRpc[] = "/perigee.v1.CloudService/Apply";

v1::FieldError Error(std::string field, std::string message) {
  v1::FieldError error;
  error.set_field(std::move(field));
  error.set_message(std::move(message));
  return error;
}

Name NameOf(const Message& object) {
  return {KindOf(object).kind, MetaOf(object).project(), MetaOf(object).name()};
}

// One document on its way through the door.
struct Document {
  const ParsedObject* source = nullptr;
  const KindInfo* kind = nullptr;
  std::unique_ptr<Message> before;  // as stored, with status; null: created
  std::unique_ptr<Message> after;   // as asked, with what the system adds; with status
  std::string status_before;
  std::vector<v1::FieldChange> changes;
  bool content_changed = false;  // of a Secret
  bool changed = false;          // of intent; else nothing is written
  std::vector<std::string> warnings;
};

// One try: reads, judges, and builds the transaction and the response.
class ApplyDecision {
 public:
  ApplyDecision(Intent::Parts& parts, const Caller& caller, const ParsedManifests& parsed)
      : parts_(parts), caller_(caller), parsed_(parsed), now_(parts.clock.Now()) {}

  absl::StatusOr<v1::ApplyResponse> Run(bool dry_run) {
    v1::ApplyResponse response;
    for (const v1::FieldError& error : parsed_.errors) AddError(error);
    for (const ParsedObject& object : parsed_.objects) PERIGEE_RETURN_IF_ERROR(Read(object));
    for (Document& document : documents_) PERIGEE_RETURN_IF_ERROR(Judge(document));
    if (!errors_.empty()) {
      for (v1::FieldError& error : errors_) *response.add_errors() = std::move(error);
      return response;
    }
    response.set_revision(parts_.store.Revision());
    if (dry_run) {
      for (Document& document : documents_) Foretell(document);
    } else {
      PERIGEE_ASSIGN_OR_RETURN(const int64_t revision, Commit());
      response.set_revision(revision);
    }
    for (Document& document : documents_) Report(document, dry_run ? 0 : response.revision(), response);
    return response;
  }

 private:
  void AddError(v1::FieldError error, const Document* document = nullptr) {
    if (document != nullptr) Locate(*document->source, error);
    if (errors_.size() < static_cast<size_t>(limits::kErrorsReported)) errors_.push_back(std::move(error));
  }

  // Brings together what is asked and what is stored.
  absl::Status Read(const ParsedObject& parsed) {
    Document document;
    document.source = &parsed;
    const Message& asked = ObjectOf(parsed.resource);
    document.kind = &KindOf(asked);
    document.after = CopyOf(asked);
    if (!NamesAreUsable(document)) return absl::OkStatus();
    const v1::ObjectMeta& meta = MetaOf(asked);
    PERIGEE_ASSIGN_OR_RETURN(std::optional<Stored> stored,
                             ReadWithStatus(parts_.store, document.kind->kind, meta.project(), meta.name()));
    if (stored.has_value()) document.before = std::move(stored->object);
    KeepWhatIsNotAsked(document);
    if (!by_name_.emplace(NameOf(asked), documents_.size()).second) {
      AddError(Error("metadata.name", absl::StrCat(document.kind->kind, " ", meta.name(),
                                                   " is given twice; keep one of them")),
               &document);
    }
    documents_.push_back(std::move(document));
    return absl::OkStatus();
  }

  // The store's keys are made of names, so these are judged before anything is read.
  bool NamesAreUsable(const Document& document) {
    const v1::ObjectMeta& meta = MetaOf(*document.after);
    if (!document.kind->applicable || !document.kind->not_yet.empty()) {
      AddError(Error("kind", absl::StrCat("a ", document.kind->kind, " cannot be applied",
                                          document.kind->not_yet.empty() ? "; it is made by the system"
                                                                         : ": not yet")),
               &document);
      return false;
    }
    if (const absl::Status valid = ValidateName(meta.name()); !valid.ok()) {
      AddError(Error("metadata.name", std::string(valid.message())), &document);
      return false;
    }
    if (!document.kind->project_scoped) {
      if (meta.project().empty()) return true;
      AddError(Error("metadata.project",
                     absl::StrCat("a ", document.kind->kind, " is of no project; leave it out")),
               &document);
      return false;
    }
    if (const absl::Status valid = ValidateName(meta.project()); !valid.ok()) {
      AddError(Error("metadata.project", std::string(valid.message())), &document);
      return false;
    }
    return true;
  }

  // Operations are changed by verbs only; uid, times and status are the system's.
  void KeepWhatIsNotAsked(Document& document) {
    Message& after = *document.after;
    v1::ObjectMeta& meta = MutableMeta(after);
    const bool exists = document.before != nullptr;
    const v1::ObjectMeta old = exists ? MetaOf(*document.before) : v1::ObjectMeta();
    meta.set_uid(exists ? old.uid() : NewUid(parts_.random));
    meta.set_generation(exists ? old.generation() : 1);
    meta.set_revision(old.revision());
    meta.clear_deleting_since();
    meta.clear_created_at();
    if (exists) {
      *meta.mutable_created_at() = old.created_at();
    } else {
      meta.mutable_created_at()->set_seconds(absl::ToUnixSeconds(now_));
    }
    for (const char* name : {"operations", "status"}) {
      const auto* field = after.GetDescriptor()->FindFieldByName(name);
      if (field == nullptr) continue;
      after.GetReflection()->ClearField(&after, field);
      if (exists && document.before->GetReflection()->HasField(*document.before, field)) {
        after.GetReflection()
            ->MutableMessage(&after, field)
            ->CopyFrom(document.before->GetReflection()->GetMessage(*document.before, field));
      }
    }
    document.status_before = exists ? EncodeStatus(*document.before) : "";
  }

  absl::Status Judge(Document& document) {
    if (document.before != nullptr && MetaOf(*document.before).has_deleting_since()) {
      AddError(Error("metadata.name", absl::StrCat(document.kind->kind, " ", MetaOf(*document.after).name(),
                                                   " is being deleted; apply it again when it is gone")),
               &document);
      return absl::OkStatus();
    }
    const std::unique_ptr<Message> asked = WithDefaults(*document.after);
    const std::vector<v1::FieldError> invalid = ValidateObject(*asked);
    for (const v1::FieldError& error : invalid) AddError(error, &document);
    PERIGEE_ASSIGN_OR_RETURN(const auto missing, CheckReferences(*asked, Lookup()));
    for (const v1::FieldError& error : missing) AddError(error, &document);
    if (!invalid.empty() || !missing.empty()) return absl::OkStatus();
    PERIGEE_RETURN_IF_ERROR(Protect(document));
    Compare(document);
    if (document.changed) AskOthers(document);
    return absl::OkStatus();
  }

  control::Lookup Lookup() {
    return [this](std::string_view kind, std::string_view project,
                  std::string_view name) -> absl::StatusOr<std::shared_ptr<const Message>> {
      const auto applied = by_name_.find(Name(kind, project, name));
      // A name that could not be used has its own error already.
      if (applied != by_name_.end())
        return std::shared_ptr<const Message>(CopyOf(*documents_[applied->second].after));
      if (!ValidateName(name).ok() || (!project.empty() && !ValidateName(project).ok())) return nullptr;
      PERIGEE_ASSIGN_OR_RETURN(std::optional<Stored> stored,
                               ReadWithStatus(parts_.store, kind, project, name));
      if (!stored.has_value() || MetaOf(*stored->object).has_deleting_since()) return nullptr;
      return std::shared_ptr<const Message>(std::move(stored->object));
    };
  }

  // What the system makes of content: a Secret's envelope, versions, keys.
  absl::Status Protect(Document& document) {
    if (auto* secret = dynamic_cast<v1::Secret*>(document.after.get())) {
      PERIGEE_ASSIGN_OR_RETURN(
          SecretChange change,
          ProtectSecret(parts_.vault, parts_.random, dynamic_cast<const v1::Secret*>(document.before.get()),
                        *secret));
      document.content_changed = change.content_changed;
      document.changes = std::move(change.changes);
    } else if (auto* config = dynamic_cast<v1::Config*>(document.after.get())) {
      config->mutable_status()->set_version(ConfigVersion(*config));
    }
    return absl::OkStatus();
  }

  // With the same defaults on both sides, so that a default of a newer release is no change.
  void Compare(Document& document) {
    std::unique_ptr<Message> before = document.before != nullptr
                                          ? WithDefaults(*document.before)
                                          : std::unique_ptr<Message>(document.after->New());
    std::unique_ptr<Message> after = WithDefaults(*document.after);
    for (Message* side : {before.get(), after.get()}) {
      // Compared by content above; a new envelope of the same content is no change.
      if (auto* secret = dynamic_cast<v1::Secret*>(side)) secret->clear_spec();
    }
    for (v1::FieldChange& change : DiffSpecs(*before, *after)) document.changes.push_back(std::move(change));
    document.changed = document.before == nullptr || document.content_changed || !document.changes.empty();
    if (document.before != nullptr && document.changed && SpecDiffers(*document.before, *document.after)) {
      MutableMeta(*document.after).set_generation(MetaOf(*document.before).generation() + 1);
    }
  }

  void AskOthers(Document& document) {
    const std::unique_ptr<Message> after = WithDefaults(*document.after);
    const auto* workload = dynamic_cast<const v1::Workload*>(after.get());
    if (workload != nullptr && parts_.placement_check) Hear(parts_.placement_check(*workload), document);
    if (parts_.policy == nullptr) return;
    const auto before = document.before == nullptr ? nullptr : WithDefaults(*document.before);
    for (Message* side : {before.get(), after.get()}) {
      if (side != nullptr) StripSecrets(*side);
    }
    Hear(parts_.policy->Judge(caller_, "apply", before.get(), after.get()), document);
  }

  // Whoever only looks is told what carrying it out would replace.
  void Foretell(Document& document) {
    if (!document.changed || parts_.replacement_forecast == nullptr) return;
    for (std::string& line : parts_.replacement_forecast(*document.after))
      document.warnings.push_back(std::move(line));
  }

  void Hear(Opinion opinion, Document& document) {
    for (const v1::FieldError& error : opinion.errors) AddError(error, &document);
    for (std::string& warning : opinion.warnings) document.warnings.push_back(std::move(warning));
  }

  absl::StatusOr<int64_t> Commit() {
    ChangeSet changes(caller_, now_);
    for (const Document& document : documents_) {
      if (document.changed) {
        std::vector<std::string> fields;
        if (document.before != nullptr) {
          for (const v1::FieldChange& change : document.changes) {
            if (fields.size() < static_cast<size_t>(limits::kErrorsReported))
              fields.push_back(change.field());
          }
        }
        changes.Put("apply", document.before.get(), *document.after, std::move(fields));
      }
      const std::string status = EncodeStatus(*document.after);
      if (document.changed && status != document.status_before) {
        changes.PutStatus(document.kind->kind, MetaOf(*document.after).uid(), status);
      }
    }
    if (!changes.HasObjects()) return parts_.store.Revision();
    return CommitAudited(parts_.store, std::move(changes));
  }

  static void Report(Document& document, int64_t revision, v1::ApplyResponse& response) {
    v1::ApplyResponse::Result& result = *response.add_results();
    Message& shown = document.changed ? *document.after : *document.before;
    if (document.changed && revision != 0) MutableMeta(shown).set_revision(revision);
    *result.mutable_object() = ReferenceTo(shown);
    result.set_action(document.before == nullptr ? "created" : document.changed ? "configured" : "unchanged");
    for (v1::FieldChange& change : document.changes) *result.add_changes() = std::move(change);
    for (std::string& warning : document.warnings) result.add_warnings(std::move(warning));
    StripSecrets(shown);
    *result.mutable_resource() = WrapObject(shown);
  }

  Intent::Parts& parts_;
  const Caller& caller_;
  const ParsedManifests& parsed_;
  const absl::Time now_;
  std::vector<Document> documents_;
  std::map<Name, size_t> by_name_;
  std::vector<v1::FieldError> errors_;
};

}  // namespace

absl::StatusOr<v1::ApplyResponse> Intent::Apply(const Caller& caller, const v1::ApplyRequest& request) {
  PERIGEE_RETURN_IF_ERROR(parts_.table.Authorize(caller, kApplyRpc));
  const ParsedManifests parsed = ParseManifests(request.manifests(), request.default_project());
  absl::MutexLock lock(&mutex_);
  return RetryAborted([&] { return ApplyDecision(parts_, caller, parsed).Run(request.dry_run()); });
}

}  // namespace perigee::control
