#include "control-plane/admission/intent.h"

#include <utility>

#include "control-plane/admission/change_set.h"
#include "control-plane/admission/commit.h"
#include "control-plane/admission/reader.h"
#include "control-plane/store/keys.h"
#include "control-plane/watch/codec.h"
#include "proto/perigee/v1/workload.pb.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "shared/resource/manifest.h"
#include "shared/resource/registry.h"
#include "shared/resource/validate.h"

namespace perigee::control {
namespace {

using google::protobuf::Message;

std::string Display(const Message& object) {
  const v1::ObjectMeta& meta = MetaOf(object);
  return absl::StrCat(KindOf(object).kind, " ", meta.project(), meta.project().empty() ? "" : "/",
                      meta.name());
}

absl::Status Refused(const Message& object, const std::vector<v1::FieldError>& errors) {
  if (errors.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(Display(object), ": ", FormatFieldError(errors.front())));
}

// The doors' own keys: a change of intent that came in as a bare put would have no audit record.
absl::Status CheckMore(const std::vector<Put>& puts, const std::vector<std::string>& deletes) {
  const auto check = [](std::string_view key) -> absl::Status {
    const bool own = key.starts_with(keys::kIntentPrefix) || key.starts_with(keys::kAuditPrefix) ||
                     key == keys::AuditHead();
    if (!own) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(ToAbsl(key), " is written by the door of intent only"));
  };
  for (const Put& put : puts) PERIGEE_RETURN_IF_ERROR(check(put.key));
  for (const std::string& key : deletes) PERIGEE_RETURN_IF_ERROR(check(key));
  return absl::OkStatus();
}

// One call of Intent::Commit.
class ProgramCommit {
 public:
  ProgramCommit(Intent::Parts& parts, const Caller& caller)
      : parts_(parts), caller_(caller), changes_(caller, parts.clock.Now()) {}

  absl::Status Add(Intent::Change change) {
    if (!HasObject(change.object)) return absl::InvalidArgumentError("a change without an object");
    const KindInfo& kind = KindOf(ObjectOf(change.object));
    Message& object = MutableObject(change.object, kind);
    PERIGEE_RETURN_IF_ERROR(CheckNames(kind, object));
    PERIGEE_ASSIGN_OR_RETURN(
        std::optional<Stored> before,
        ReadObject(parts_.store, kind.kind, MetaOf(object).project(), MetaOf(object).name()));
    PERIGEE_RETURN_IF_ERROR(CheckRevision(before, object));
    if (change.remove) return Remove(change.verb, before, object);
    return Put(change.verb, before.has_value() ? before->object.get() : nullptr, object);
  }

  ChangeSet Take() && { return std::move(changes_); }

 private:
  absl::Status CheckNames(const KindInfo& kind, Message& object) {
    v1::ObjectMeta& meta = MutableMeta(object);
    PERIGEE_RETURN_IF_ERROR(ValidateName(meta.name()));
    if (!kind.project_scoped) {
      if (meta.project().empty()) return absl::OkStatus();
      return absl::InvalidArgumentError(absl::StrCat(Display(object), ": the kind is of no project"));
    }
    if (meta.project().empty()) meta.set_project(std::string(kDefaultProject));
    return ValidateName(meta.project());
  }

  static absl::Status CheckRevision(const std::optional<Stored>& before, const Message& object) {
    const int64_t current = before.has_value() ? before->revision : 0;
    if (current == MetaOf(object).revision()) return absl::OkStatus();
    return absl::AbortedError(absl::StrCat(Display(object), " has revision ", current, ", expected was ",
                                           MetaOf(object).revision(), "; read it and decide again"));
  }

  absl::Status Remove(const std::string& verb, const std::optional<Stored>& before, const Message& object) {
    if (!before.has_value()) return absl::NotFoundError(absl::StrCat("there is no ", Display(object)));
    PERIGEE_RETURN_IF_ERROR(Judge(verb, before->object.get(), nullptr));
    changes_.Remove(verb, *before->object);
    return absl::OkStatus();
  }

  absl::Status Put(const std::string& verb, const Message* before, Message& after) {
    const auto* secret = dynamic_cast<const v1::Secret*>(&after);
    if (secret != nullptr && !secret->spec().data().empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(Display(after), ": content comes in by Apply only, which encrypts it"));
    }
    if (before != nullptr && EncodeIntent(*before) == EncodeIntent(after)) return absl::OkStatus();
    const bool spec_differs = before == nullptr || SpecDiffers(*before, after);
    PERIGEE_RETURN_IF_ERROR(FillIn(before, spec_differs, after));
    // Programs keep records of kinds that manifests may not yet write (identity: the User admin).
    if (spec_differs && KindOf(after).not_yet.empty()) {
      PERIGEE_RETURN_IF_ERROR(Refused(after, ValidateObject(*WithDefaults(after))));
    }
    PERIGEE_RETURN_IF_ERROR(Judge(verb, before, &after));
    changes_.Put(verb, before, after,
                 before == nullptr ? std::vector<std::string>() : ChangedFields(*before, after));
    if (before == nullptr && HasStatus(after)) {
      changes_.PutStatus(KindOf(after).kind, MetaOf(after).uid(), EncodeStatus(after));
    }
    return absl::OkStatus();
  }

  absl::Status FillIn(const Message* before, bool spec_differs, Message& after) {
    v1::ObjectMeta& meta = MutableMeta(after);
    if (before != nullptr) {
      const v1::ObjectMeta& old = MetaOf(*before);
      if (meta.uid() != old.uid()) {
        return absl::InvalidArgumentError(absl::StrCat(Display(after), ": a uid never changes"));
      }
      meta.set_generation(old.generation() + (spec_differs ? 1 : 0));
      *meta.mutable_created_at() = old.created_at();
      return absl::OkStatus();
    }
    if (meta.uid().empty()) meta.set_uid(NewUid(parts_.random));
    if (!meta.has_created_at())
      meta.mutable_created_at()->set_seconds(absl::ToUnixSeconds(parts_.clock.Now()));
    meta.set_generation(1);
    return absl::OkStatus();
  }

  absl::Status Judge(const std::string& verb, const Message* before, const Message* after) {
    if (parts_.policy == nullptr) return absl::OkStatus();
    const auto old_object = before == nullptr ? nullptr : WithDefaults(*before);
    const auto new_object = after == nullptr ? nullptr : WithDefaults(*after);
    const Opinion opinion = parts_.policy->Judge(caller_, verb, old_object.get(), new_object.get());
    if (opinion.errors.empty()) return absl::OkStatus();
    return absl::PermissionDeniedError(
        absl::StrCat(Display(after == nullptr ? *before : *after),
                     ": refused by policy: ", opinion.errors.front().message()));
  }

  Intent::Parts& parts_;
  const Caller& caller_;
  ChangeSet changes_;
};

template <typename T>
void Append(std::vector<T>& to, std::vector<T> from) {
  std::move(from.begin(), from.end(), std::back_inserter(to));
}

}  // namespace

Intent::Intent(Parts parts) : parts_(std::move(parts)) {}

absl::StatusOr<int64_t> Intent::Commit(const Caller& caller, std::vector<Change> changes,
                                       std::vector<Put> more, std::vector<Compare> more_compares,
                                       std::vector<std::string> more_deletes) {
  PERIGEE_RETURN_IF_ERROR(parts_.table.Authorize(caller, kIntentCommit));
  PERIGEE_RETURN_IF_ERROR(CheckMore(more, more_deletes));
  if (changes.size() > static_cast<size_t>(limits::kTransactionKeys)) {
    return absl::InvalidArgumentError(absl::StrCat(changes.size(), " changes at once, at most ",
                                                   limits::kTransactionKeys, ": commit them in batches"));
  }
  absl::MutexLock lock(&mutex_);
  ProgramCommit commit(parts_, caller);
  for (Change& change : changes) PERIGEE_RETURN_IF_ERROR(commit.Add(std::move(change)));
  ChangeSet set = std::move(commit).Take();
  Append(set.transaction().puts, std::move(more));
  Append(set.transaction().compares, std::move(more_compares));
  Append(set.transaction().deletes, std::move(more_deletes));
  return CommitAudited(parts_.store, std::move(set));
}

}  // namespace perigee::control
