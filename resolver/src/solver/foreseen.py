"""Writes foreseen.tsv: what well-known packages require, by the newest releases on PyPI.

    python resolver/src/solver/foreseen.py > resolver/src/solver/foreseen.tsv

A line for each package, or package with extras, that requires something: its name, a tab, and what its newest release
requires, whatever the platform, on Pythons that are still maintained. All that these packages require in turn is in the
list, too. Needs nothing but Python 3.9.
"""
import concurrent.futures
import json
import re
import sys
import urllib.request

INDEX = "https://pypi.org/pypi/"
OLDEST_PYTHON = (3, 10)
WELL_KNOWN = """
absl-py accelerate adal aenum aio-pika aioboto3 aiobotocore aiocache aiodns aiofiles aiogram aiohttp aiohttp-cors aiokafka
aiomysql aiopg aioredis aioresponses aiosmtplib aiosqlite airflow alembic altair amqp aniso8601 annotated-types ansible
ansible-core anthropic anyio apache-airflow apache-beam apispec apscheduler argcomplete argon2-cffi arrow arq asgi-lifespan
asgiref assertpy astroid asttokens asyncio-mqtt asyncpg asyncssh attrs authlib autobahn autoflake autopep8 avro
aws-lambda-powertools aws-xray-sdk awscli azure-core azure-cosmos azure-functions azure-identity azure-keyvault-secrets
azure-monitor-opentelemetry azure-servicebus azure-storage-blob babel backoff bandit bcrypt beartype beautifulsoup4 behave
billiard bitarray black bleach blinker bokeh boltons boto boto3 boto3-stubs[essential] botocore bottle brotli build bumpversion
cachecontrol cachetools cairosvg casbin cassandra-driver catboost cattrs celery celery[redis] cerberus certifi cffi cfgv
chardet charset-normalizer cheroot cherrypy chromadb ciso8601 click click-default-group clickhouse-connect
clickhouse-driver cloudpathlib cloudpickle codecov cohere colorama coloredlogs colorlog commitizen confluent-kafka connexion
construct cookiecutter coverage coverage[toml] croniter cryptography cssselect cvxpy cx-oracle cyclopts cython dacite daphne dash dask
dask[complete] databricks-sdk databricks-sql-connector dataclasses-json datadog datamodel-code-generator datasets dateparser
ddtrace debugpy decorator deepdiff defusedxml delta-spark deprecated diagrams dill dirty-equals discord-py distributed
distro django django-allauth django-celery-beat django-cors-headers django-debug-toolbar django-environ django-extensions
django-filter django-redis django-storages djangorestframework djangorestframework-simplejwt dj-database-url dnspython docker
docopt docutils dramatiq drf-spectacular drf-yasg duckdb dynaconf ecdsa elastic-apm elasticsearch elasticsearch-dsl
email-validator environs eventlet execnet factory-boy faiss-cpu faker falcon fakeredis fastapi fastapi[all] fastapi[standard]
fastapi-cli fastapi-pagination fastapi-users fastavro fastmcp fastparquet faststream fire firebase-admin flake8 flake8-bugbear flask
flask-admin flask-babel flask-caching flask-cors flask-jwt-extended flask-login flask-mail flask-marshmallow flask-migrate
flask-restful flask-restx flask-socketio flask-sqlalchemy flask-wtf flower fonttools freezegun frozenlist fsspec furo future
gcsfs gensim geoalchemy2 geopandas geopy gevent gidgethub gitpython google-api-core google-api-python-client google-auth
google-auth-oauthlib google-cloud-aiplatform google-cloud-bigquery google-cloud-bigquery-storage google-cloud-firestore
google-cloud-kms google-cloud-logging google-cloud-monitoring google-cloud-pubsub google-cloud-secret-manager
google-cloud-spanner google-cloud-storage google-cloud-tasks google-cloud-trace google-genai google-generativeai googlemaps gql gradio
granian graphene graphene-django graphql-core great-expectations greenlet grpcio grpcio-health-checking grpcio-status
grpcio-tools gspread gunicorn h2 haystack-ai hiredis holidays html5lib httpcore httptools httpx httpx[http2] httpx-sse huggingface-hub
humanize hupper hvac hydra-core hypercorn hypothesis ibis-framework icalendar identify imageio importlib-metadata
importlib-resources influxdb-client inflection iniconfig injector instructor invoke ipykernel ipython isodate isort itsdangerous jaraco-text
jax jedi jinja2 jira jmespath joblib json5 jsonpatch jsonpath-ng jsonschema jsonschema[format] jupyter jupyterlab kafka-python keras keyring
kombu kubernetes kubernetes-asyncio langchain langchain-anthropic langchain-community langchain-core langchain-openai langfuse langgraph
langsmith ldap3 librosa lightgbm lightning limits line-profiler litellm litestar llama-index lmdb locust logfire loguru lxml
magicattr mako mangum markdown markdown-it-py markdownify marshmallow marshmallow-sqlalchemy matplotlib mcp memory-profiler
minio mkdocs mkdocs-material mkdocstrings mkdocstrings-python mlflow mock mongoengine mongomock moto moto[s3] motor moviepy msal msgpack msgspec
multidict mypy mypy-boto3-s3 mysql-connector-python mysqlclient nats-py nbconvert nbformat neo4j netaddr networkx newrelic nltk
nose notebook notion-client nox numba numexpr numpy oauthlib oauth2client odfpy omegaconf onnx onnxruntime openai openapi-core opencv-python
opencv-python-headless openpyxl opensearch-py opentelemetry-api opentelemetry-distro opentelemetry-exporter-otlp
opentelemetry-exporter-otlp-proto-grpc opentelemetry-exporter-otlp-proto-http opentelemetry-exporter-prometheus
opentelemetry-instrumentation-aiohttp-client opentelemetry-instrumentation-asgi opentelemetry-instrumentation-asyncpg
opentelemetry-instrumentation-botocore opentelemetry-instrumentation-celery opentelemetry-instrumentation-django
opentelemetry-instrumentation-fastapi opentelemetry-instrumentation-flask opentelemetry-instrumentation-grpc
opentelemetry-instrumentation-httpx opentelemetry-instrumentation-logging opentelemetry-instrumentation-psycopg2
opentelemetry-instrumentation-redis opentelemetry-instrumentation-requests opentelemetry-instrumentation-sqlalchemy
opentelemetry-instrumentation-urllib3 opentelemetry-sdk optuna oracledb orjson ortools pact-python paho-mqtt pandas pandas-gbq
pandas-stubs pandera paramiko parsel passlib passlib[bcrypt] patsy peewee pendulum pexpect pgvector phonenumbers pika
pillow pip-audit pip-tools pipenv plotly pluggy poetry polars polars[pyarrow] pony portalocker pre-commit prefect presidio-analyzer
prettytable prisma prometheus-client prometheus-fastapi-instrumentator prompt-toolkit propcache protobuf psutil psycopg
psycopg[binary] psycopg[binary,pool] psycopg[pool] psycopg2 psycopg2-binary ptpython pulp pulumi pyarrow pyasn1 pybind11 pycountry pycryptodome pycryptodomex
pydantic pydantic[email] pydantic-ai pydantic-extra-types pydantic-settings pydocstyle pydot pyflakes pygithub pygments pyhocon pyinstaller pyjwt
pyjwt[crypto] pylint pymemcache pymilvus pymongo pymssql pymysql pynacl pyodbc pyopenssl pyparsing pypdf pypdf2 pyproj pyramid pyright pyroaring pyserial
pysftp pyspark pystache pytest pytest-aiohttp pytest-asyncio pytest-bdd pytest-benchmark pytest-cov pytest-django pytest-env
pytest-factoryboy pytest-flask pytest-freezer pytest-html pytest-httpserver pytest-httpx pytest-mock pytest-playwright
pytest-randomly pytest-recording pytest-rerunfailures pytest-socket pytest-sugar pytest-timeout pytest-xdist
python-barcode python-dateutil python-decouple python-docx python-dotenv python-gitlab python-jose python-jose[cryptography] python-json-logger
python-keycloak python-ldap python-magic python-multipart python-pptx python-slugify python-snappy python-socketio python-telegram-bot
pytorch-lightning pytz pywin32 pyyaml pyzmq qdrant-client quart questionary ragas rapidfuzz ray redis redis[hiredis] regex
reportlab requests requests[socks] requests-aws4auth requests-cache requests-mock requests-oauthlib requests-toolbelt responses respx retry
rich rich-click robotframework rq rsa ruamel-yaml ruff s3fs s3transfer safety sagemaker sanic scikit-image scikit-learn scipy scrapy
seaborn selenium semver sendgrid sentence-transformers sentry-sdk sentry-sdk[celery] sentry-sdk[django] sentry-sdk[fastapi] sentry-sdk[flask] setuptools-scm shap shapely
shellingham simple-salesforce simplejson six slack-bolt slack-sdk smart-open snowflake-connector-python snowflake-sqlalchemy snowflake-snowpark-python
sortedcontainers spacy sphinx sphinx-autodoc-typehints sphinx-rtd-theme sqladmin sqlalchemy sqlalchemy[asyncio] sqlalchemy-utils sqlfluff
sqlglot sqlmodel sqlparse sse-starlette starlette statsmodels strawberry-graphql strawberry-graphql[fastapi] streamlit stripe structlog supabase svix
sympy tabulate taskiq tavily-python tenacity tensorboard tensorflow testcontainers textual thrift tiktoken tinycss2 tokenizers toml tomlkit torch torchaudio
torchmetrics torchvision tornado tortoise-orm tox tqdm traitlets transformers trino trio triton twilio twine twisted typeguard typer
types-pyyaml types-requests types-redis typing-inspect tzlocal ujson unidecode unstructured uritemplate urllib3 uvicorn uvicorn[standard] uvloop
validators virtualenv vcrpy voluptuous vulture wand watchdog watchfiles wcwidth weasyprint weaviate-client webargs websocket-client
websockets werkzeug wheel whitenoise wrapt wsproto wtforms xarray xgboost xlrd xlsxwriter xlwt xmlschema xmltodict yarl yfinance youtube-dl yt-dlp zeep
zope-interface zstandard
""".split()


def normalize(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def split(text):
    """`name[b, A]` -> (name, extras)"""
    name, _, extras = text.partition("[")
    extras = [normalize(extra.strip()) for extra in extras.rstrip("]").split(",") if extra.strip()]
    return normalize(name.strip()), tuple(sorted(extras))


def joined(name, extras):
    return f"{name}[{','.join(extras)}]" if extras else name


def get(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read().decode()


def requires_dist(name):
    """The Requires-Dist lines of the newest release."""
    return json.loads(get(f"{INDEX}{name}/json"))["info"]["requires_dist"] or []


def is_past(marker):
    """Is it only for Pythons that are not maintained any more?"""
    for operator, major, minor in re.findall(r"python_(?:full_)?version\s*(<=?|==)\s*[\"'](\d+)\.(\d+)", marker):
        python = (int(major), int(minor))
        if python < OLDEST_PYTHON or (operator == "<" and python == OLDEST_PYTHON):
            return " or " not in marker
    return False


def required(lines, extras):
    """What a package with these extras requires, and which of its own extras these bring along."""
    found = set()
    for line in lines:
        requirement, _, marker = line.partition(";")
        asked = re.findall(r"extra\s*==\s*[\"']([^\"']+)[\"']", marker)
        if asked and not any(normalize(extra) in extras for extra in asked):
            continue
        if is_past(marker):
            continue
        match = re.match(r"\s*([A-Za-z0-9._-]+)\s*(\[[^\]]*\])?", requirement)
        found.add(split(match[1] + (match[2] or "")))
    return found


def main():
    known, lines, open_, skipped = {}, {}, {split(text) for text in WELL_KNOWN}, 0
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        while open_:
            names = sorted({name for name, _ in open_} - lines.keys())
            fetched = {name: pool.submit(requires_dist, name) for name in names}
            for name, answer in fetched.items():
                try:
                    lines[name] = answer.result()
                except Exception as error:  # a package that is gone is no loss
                    print(f"{name}: {error}", file=sys.stderr)
                    lines[name], skipped = [], skipped + 1
            for one in open_:
                known[one] = required(lines[one[0]], set(one[1]))
                for own in [other for other in known[one] if other[0] == one[0]]:
                    known[one] |= required(lines[one[0]], set(own[1]))
                    known[one].discard(own)
            open_ = set().union(*known.values()) - known.keys()
            print(f"{len(known)} known, {len(open_)} open", file=sys.stderr)
    for one in sorted(known, key=lambda one: joined(*one)):
        if known[one]:
            print(joined(*one), " ".join(sorted(joined(*other) for other in known[one])), sep="\t")


main()
