"""Semantic Pyramid: images from any level of a classifier's features (Shocher et al. 2020)."""

from synthbook.semantic_pyramid.classifier import Classifier, ClassifierConfig, ResidualClassifier
from synthbook.semantic_pyramid.discriminator import Discriminator
from synthbook.semantic_pyramid.levels import LEVELS, level
from synthbook.semantic_pyramid.masks import Sampling, masked, nothing, only, repaint, sample
from synthbook.semantic_pyramid.network import Config, Generator, SemanticPyramid
from synthbook.semantic_pyramid.pictures import prepare
from synthbook.semantic_pyramid.recipe import config

__all__ = ["LEVELS", "Classifier", "ClassifierConfig", "Config", "Discriminator", "Generator",
           "ResidualClassifier", "Sampling", "SemanticPyramid", "config", "level", "masked",
           "nothing", "only", "prepare", "repaint", "sample"]
