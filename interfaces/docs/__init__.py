"""The documentation as a program: pages made from code, and all pages as a site that asks nothing outside."""
