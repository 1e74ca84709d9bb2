"""The CloudFormation template: checked by cfn-lint, deployed into moto, and its policies asked what they allow."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from policies import TEMPLATE, may, read_template, resolved

from publish.headers import IMMUTABLE, NONE, headers_for

#: moto's CloudFormation makes none of these; bucket policies are put by the test instead, the rest is only linted.
NOT_IN_MOTO = ("AWS::CloudFront::", "AWS::S3::BucketPolicy", "AWS::Budgets::")
DISTRIBUTION_ID = "E2PARCFERME"
CLOUDFRONT = "cloudfront.amazonaws.com"
REVISION = "v1/sessions/9472/0123456789abcdef"
PUBLIC_KEYS = (
    "index.json",
    "index.html",
    "v1/seasons/2024.json",
    "v1/sessions/9472/latest.json",
    f"{REVISION}/manifest.json",
    f"{REVISION}/frames/25/0000.json.gz",
    f"{REVISION}/parquet/laps.parquet",
    "viewer/0123456789abcdef/app.js",
    "v1/reader/parcferme.js",
    "v1/reader/0123456789abcdef/parcferme.js",
    "v1/parquet/laps/2024/9472.parquet",
    "v1/parquet/season/laps/2024.parquet",
    "v1/parquet/all/laps.parquet",
    "v1/csv/laps/2024/9472.csv.gz",
    "v1/csv/season/laps/2024.csv.gz",
    "v1/csv/all/results.csv.gz",
    "telemetry/2024/1/skip_1.json.gz",
    "v1/status/2024/1/R.json",
    "v1/health.json",
    "v1/runs.json",
    "v1/metrics.prom",
    "v1/changes.json",
    "v1/changes.atom",
    "v1/files/2024.json",
    "v1/circuits/2024.json",
    "v1/site.json",
    "v1/catalog.json",
    "v1/catalog.sql",
    "v1/catalog.duckdb",
    "v1/datapackage.json",
    "v1/croissant.json",
    "v1/status/2024/moves.json",
)


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return read_template()


def reduced(template: dict[str, Any]) -> dict[str, Any]:
    """The template without what moto cannot make; what refers to the distribution gets a made-up id."""
    gone = {name for name, r in template["Resources"].items() if r["Type"].startswith(NOT_IN_MOTO)}
    text = json.dumps(
        {
            **{k: v for k, v in template.items() if k != "Rules"},
            "Resources": {n: r for n, r in template["Resources"].items() if n not in gone},
            "Outputs": {n: o for n, o in template["Outputs"].items() if '"Distribution' not in json.dumps(o["Value"])},
        }
    )
    result: dict[str, Any] = json.loads(text.replace("${Distribution}", DISTRIBUTION_ID))
    return result


@pytest.fixture(scope="module")
def stack(template: dict[str, Any]) -> Iterator[SimpleNamespace]:
    """The reduced template, deployed, with the bucket policies put as CloudFormation would."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        session = boto3.session.Session(aws_access_key_id="test", aws_secret_access_key="test")
        formation = session.client("cloudformation")
        formation.create_stack(
            StackName="f1",
            TemplateBody=json.dumps(reduced(template)),
            Parameters=[{"ParameterKey": "BucketName", "ParameterValue": "f1-site"}],
            Capabilities=["CAPABILITY_IAM"],
        )
        described = formation.describe_stacks(StackName="f1")["Stacks"][0]
        names = {
            "SiteBucket.Arn": "arn:aws:s3:::f1-site",
            "RawBucket.Arn": "arn:aws:s3:::f1-site-raw",
            "AWS::Partition": "aws",
            "AWS::AccountId": "123456789012",
            "Distribution": DISTRIBUTION_ID,
        }
        s3 = session.client("s3")
        for bucket, policy in (("f1-site", "SiteBucketPolicy"), ("f1-site-raw", "RawBucketPolicy")):
            document = resolved(template["Resources"][policy]["Properties"]["PolicyDocument"], names)
            s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))
        outputs = {o["OutputKey"]: o["OutputValue"] for o in described["Outputs"]}
        iam = session.client("iam")
        yield SimpleNamespace(status=described["StackStatus"], outputs=outputs, s3=s3, iam=iam)


def bucket_policy(stack: SimpleNamespace, bucket: str) -> dict[str, Any]:
    return json.loads(stack.s3.get_bucket_policy(Bucket=bucket)["Policy"])


def policies_of(stack: SimpleNamespace, template: dict[str, Any], role: str) -> list[dict[str, Any]]:
    """Every document attached to a role, as deployed; moto makes roles and policies but does not attach them."""
    documents = []
    for attached in template["Resources"][role]["Properties"]["ManagedPolicyArns"]:
        arn = stack.outputs[f"{attached['Ref']}Arn"]
        version = stack.iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        documents.append(stack.iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])
    assert documents
    return documents


def test_cfn_lint_finds_nothing() -> None:
    command = [
        str(Path(sys.executable).with_name("cfn-lint")),
        "--non-zero-exit-code",
        "informational",
        "--",
        str(TEMPLATE),
    ]
    linted = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (linted.returncode, linted.stdout) == (0, ""), linted.stdout + linted.stderr


def test_cloudformation_takes_it_as_it_is() -> None:
    """Aliases and merge keys are YAML that CloudFormation refuses; templates above 51200 bytes need a bucket."""
    text = TEMPLATE.read_text()
    assert not re.search(r"(: [&*]\w|<<:)", text)
    assert len(text.encode()) < 51_200


def test_it_is_deployed(stack: SimpleNamespace) -> None:
    assert stack.status == "CREATE_COMPLETE"
    assert stack.outputs["Destination"] == "s3://f1-site"
    assert {"Bucket", "RawArchiveBucket", "ReaderRoleArn", "PublisherRoleArn", "PruneRoleArn"} <= stack.outputs.keys()


@pytest.mark.parametrize("name", ["SiteBucket", "RawBucket"])
def test_buckets_are_private_versioned_and_encrypted(
    template: dict[str, Any], stack: SimpleNamespace, name: str
) -> None:
    """Of a bucket's properties moto's CloudFormation takes only the encryption; the others are read from the file."""
    bucket = template["Resources"][name]
    properties = bucket["Properties"]
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert properties["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    lifecycle = {rule["Id"]: rule for rule in properties["LifecycleConfiguration"]["Rules"]}
    assert {rule["Status"] for rule in lifecycle.values()} == {"Enabled"}
    assert lifecycle["replaced-and-deleted"]["NoncurrentVersionExpiration"] == {
        "NoncurrentDays": {"Ref": "NoncurrentDays"}
    }
    assert lifecycle["uploads-that-broke-off"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}
    assert ("cheaper-when-settled" in lifecycle) == (name == "RawBucket")
    deployed = {"SiteBucket": "f1-site", "RawBucket": "f1-site-raw"}[name]
    rules = stack.s3.get_bucket_encryption(Bucket=deployed)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


@pytest.mark.parametrize("bucket", ["f1-site", "f1-site-raw"])
def test_nothing_goes_without_tls(stack: SimpleNamespace, bucket: str) -> None:
    document = bucket_policy(stack, bucket)
    everything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
        ask = ([document, everything], action, f"arn:aws:s3:::{bucket}/index.json")
        assert may(*ask, context={"aws:SecureTransport": "true"})
        assert not may(*ask, context={"aws:SecureTransport": "false"})
        assert may(*ask, context={"aws:SecureTransport": "true", "s3:TlsVersion": "1.2"})
        assert not may(*ask, context={"aws:SecureTransport": "true", "s3:TlsVersion": "1.1"})


def test_cloudfront_reads_the_site_and_nothing_else(stack: SimpleNamespace) -> None:
    arn = f"arn:aws:cloudfront::123456789012:distribution/{DISTRIBUTION_ID}"
    ours = {"aws:SecureTransport": "true", "AWS:SourceArn": arn}
    site, raw = ([bucket_policy(stack, bucket)] for bucket in ("f1-site", "f1-site-raw"))
    for key in PUBLIC_KEYS:
        at = f"arn:aws:s3:::f1-site/{key}"
        assert may(site, "s3:GetObject", at, service=CLOUDFRONT, context=ours), key
        assert not may(site, "s3:GetObject", at, service=CLOUDFRONT, context=ours | {"AWS:SourceArn": arn + "X"}), key
        assert not may(site, "s3:GetObject", at, context=ours), f"{key} is open to anybody"
        assert not may(site, "s3:PutObject", at, service=CLOUDFRONT, context=ours), key
    key = "raw/2024/9472.tar.zst"
    assert not may(site, "s3:GetObject", f"arn:aws:s3:::f1-site/{key}", service=CLOUDFRONT, context=ours)
    for name in (key, "2024/9472.tar.zst"):
        assert not may(raw, "s3:GetObject", f"arn:aws:s3:::f1-site-raw/{name}", service=CLOUDFRONT, context=ours)


@dataclass(frozen=True)
class Rights:
    """What a role is meant to be able to do, by bucket."""

    write: bool = False
    delete_sessions: bool = False
    read_raw: bool = False
    write_raw: bool = False


ROLES = {
    "ReaderRole": Rights(),
    "PublisherRole": Rights(write=True, read_raw=True, write_raw=True),
    "PruneRole": Rights(write=True, delete_sessions=True, read_raw=True, write_raw=True),
}


@pytest.mark.parametrize("role", ROLES)
def test_what_each_role_may_do(template: dict[str, Any], stack: SimpleNamespace, role: str) -> None:
    documents = policies_of(stack, template, role)
    rights = ROLES[role]
    for key in PUBLIC_KEYS:
        at = f"arn:aws:s3:::f1-site/{key}"
        may_go = key.startswith(("v1/sessions/", "v1/parquet/", "v1/csv/", "v1/status/", "telemetry/", "viewer/"))
        assert may(documents, "s3:GetObject", at), key
        assert may(documents, "s3:PutObject", at) == rights.write, key
        assert may(documents, "s3:AbortMultipartUpload", at) == rights.write, key
        assert may(documents, "s3:DeleteObject", at) == (rights.delete_sessions and may_go), key
        assert not may(documents, "s3:DeleteObjectVersion", at), key
        assert not may(documents, "s3:PutObjectAcl", at), key
    raw = "arn:aws:s3:::f1-site-raw/raw/2024/9472.tar.zst"
    assert may(documents, "s3:GetObject", raw) == rights.read_raw
    assert may(documents, "s3:PutObject", raw) == rights.write_raw
    assert not may(documents, "s3:DeleteObject", raw)
    assert may(documents, "s3:ListBucket", "arn:aws:s3:::f1-site")
    for action in ("s3:DeleteBucket", "s3:PutBucketPolicy", "s3:PutLifecycleConfiguration", "iam:PassRole"):
        assert not may(documents, action, "arn:aws:s3:::f1-site"), action


def test_who_fetches_reads_and_writes_the_archive_and_nothing_else(
    template: dict[str, Any], stack: SimpleNamespace
) -> None:
    documents = policies_of(stack, template, "FetcherRole")
    raw = "arn:aws:s3:::f1-site-raw"
    for key in ("raw/2024/9472.tar.zst", "raw/2024/index.json", "raw/2024/schedule.tar.zst"):
        assert may(documents, "s3:GetObject", f"{raw}/{key}") and may(documents, "s3:PutObject", f"{raw}/{key}")
        assert not may(documents, "s3:DeleteObject", f"{raw}/{key}")
    assert may(documents, "s3:ListBucket", raw)
    for at in (f"{raw}/v1/check.json", f"{raw}/other", *(f"arn:aws:s3:::f1-site/{key}" for key in PUBLIC_KEYS)):
        assert not any(may(documents, action, at) for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"))
    assert not may(documents, "s3:ListBucket", "arn:aws:s3:::f1-site")


def test_a_reader_never_sees_an_archive_that_strayed_into_the_site(
    template: dict[str, Any], stack: SimpleNamespace
) -> None:
    documents = policies_of(stack, template, "ReaderRole")
    assert not may(documents, "s3:GetObject", "arn:aws:s3:::f1-site/raw/2024/9472.tar.zst")


def test_only_who_publishes_may_invalidate_and_only_this_distribution(
    template: dict[str, Any], stack: SimpleNamespace
) -> None:
    ours = f"arn:aws:cloudfront::123456789012:distribution/{DISTRIBUTION_ID}"
    action = "cloudfront:CreateInvalidation"
    assert may(policies_of(stack, template, "PublisherRole"), action, ours)
    assert not may(policies_of(stack, template, "PublisherRole"), action, ours + "X")
    assert not may(policies_of(stack, template, "ReaderRole"), action, ours)


def behaviour_of(template: dict[str, Any], key: str) -> dict[str, Any]:
    """The cache behaviour CloudFront takes for a key: the first whose pattern matches, ``*`` over slashes too."""
    config = template["Resources"]["Distribution"]["Properties"]["DistributionConfig"]
    public = [behaviour for behaviour in config["CacheBehaviors"] if "Fn::If" not in behaviour]
    for behaviour in public:
        if re.fullmatch(re.escape(behaviour["PathPattern"]).replace(r"\*", ".*"), key):
            return behaviour
    return config["DefaultCacheBehavior"]


@pytest.mark.parametrize("key", PUBLIC_KEYS)
def test_each_kind_of_object_is_cached_as_its_header_says(template: dict[str, Any], key: str) -> None:
    headers = headers_for(key)
    behaviour = behaviour_of(template, key)
    policy = template["Resources"][behaviour["CachePolicyId"]["Ref"]]["Properties"]["CachePolicyConfig"]
    assert policy["MinTTL"] == 0, "anything above overrules the object's own header"
    longest = {IMMUTABLE: 31_536_000, NONE: 1}.get(headers.cache_control, 660)
    assert policy["MaxTTL"] == longest
    is_stored = key.endswith((".json.gz", ".csv.gz", ".parquet"))
    assert behaviour["Compress"] is not is_stored
    forwarded = policy["ParametersInCacheKeyAndForwardedToOrigin"]
    assert forwarded["EnableAcceptEncodingGzip"] is not is_stored
    assert forwarded["QueryStringsConfig"] == {"QueryStringBehavior": "none"}, "a query could list the bucket"
    assert set(behaviour["AllowedMethods"]) == {"GET", "HEAD", "OPTIONS"}
    assert behaviour["ViewerProtocolPolicy"] == "redirect-to-https"


def test_who_asked_for_what_is_kept_for_a_while(template: dict[str, Any]) -> None:
    resources = template["Resources"]
    logs = {"Ref": "LogBucket"}
    for name, prefix in (("SiteBucket", "site/"), ("RawBucket", "raw/")):
        logging = resources[name]["Properties"]["LoggingConfiguration"]
        assert logging == {"DestinationBucketName": logs, "LogFilePrefix": prefix}
    config = resources["Distribution"]["Properties"]["DistributionConfig"]
    assert config["Logging"]["Bucket"] == {"Fn::GetAtt": ["LogBucket", "DomainName"]}
    log_bucket = resources["LogBucket"]["Properties"]
    assert all(log_bucket["PublicAccessBlockConfiguration"].values())
    # CloudFront refuses a bucket without access lists.
    assert log_bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerPreferred"}]
    kept = {rule["Id"]: rule for rule in log_bucket["LifecycleConfiguration"]["Rules"]}
    assert kept["forgotten-in-time"]["ExpirationInDays"] == {"Ref": "LogDays"}
    names = {"LogBucket.Arn": "arn:aws:s3:::f1-site-logs"}
    policy = [resolved(resources["LogBucketPolicy"]["Properties"]["PolicyDocument"], names)]
    account = {"aws:SecureTransport": "true", "aws:SourceAccount": "123456789012"}
    ask = (policy, "s3:PutObject", "arn:aws:s3:::f1-site-logs/site/x")
    writers = [{"Statement": [s | {"Condition": {}} for s in policy[0]["Statement"] if s["Effect"] == "Allow"]}]
    assert may(writers, *ask[1:], service="logging.s3.amazonaws.com", context=account)
    assert not may(writers, *ask[1:], context=account)


def test_somebody_is_told_what_it_costs_who_asks_to(template: dict[str, Any]) -> None:
    alarm = template["Resources"]["CostAlarm"]
    assert alarm["Condition"] == "HasAlarmMail"
    told = alarm["Properties"]["NotificationsWithSubscribers"]
    assert {(one["Notification"]["NotificationType"], one["Notification"]["Threshold"]) for one in told} == {
        ("ACTUAL", 80),
        ("FORECASTED", 100),
    }


def test_the_distribution_as_a_whole(template: dict[str, Any]) -> None:
    config = template["Resources"]["Distribution"]["Properties"]["DistributionConfig"]
    assert config["HttpVersion"] == "http2and3"
    assert config["DefaultRootObject"] == "index.html"
    errors = {e["ErrorCode"]: e["ErrorCachingMinTTL"] for e in config["CustomErrorResponses"]}
    assert (errors[403], errors[404]) == (10, 10)
    origins = config["Origins"]
    assert [o["DomainName"] for o in origins] == [{"Fn::GetAtt": ["SiteBucket", "RegionalDomainName"]}]
    answers = template["Resources"]["AnswerHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    cors = answers["CorsConfig"]
    assert cors["AccessControlAllowOrigins"] == {"Items": ["*"]}
    assert {"ETag", "Content-Range", "Accept-Ranges"} <= set(cors["AccessControlExposeHeaders"]["Items"])
