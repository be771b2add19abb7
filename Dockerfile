# A small image that runs azdsl as a user without privileges. Run directories go to the directory mounted at /work, which uid 1000 (or
# the user given by --user) must be able to write; compiled code goes to the volume azdsl-cache, and without it every start compiles.
#
#   docker build --tag azdsl .
#   docker run --rm --volume azdsl-cache:/home/azdsl/.cache --volume "$PWD:/work" azdsl evolve examples/linear.az

FROM python:3.11-slim AS build
COPY . /source
RUN python -m venv /opt/azdsl && /opt/azdsl/bin/pip install --no-cache-dir --no-compile /source

FROM python:3.11-slim
RUN useradd --uid 1000 --create-home azdsl && install --directory --owner azdsl /home/azdsl/.cache /work
COPY --from=build /opt/azdsl /opt/azdsl
ENV PATH=/opt/azdsl/bin:$PATH PYTHONDONTWRITEBYTECODE=1
USER azdsl
WORKDIR /work
ENTRYPOINT ["azdsl"]
CMD ["--help"]
