"""The pages: plain HTML, CSS and JavaScript modules without a build step. ``files`` lists them to publish."""
